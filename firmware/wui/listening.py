"""Where the web UI listens, and with which certificate."""

from typing import Any

from firmware.errors import Failure
from firmware.rc import document
from firmware.rc.title import Title
from firmware.services.declared.wui import CERTIFICATE, SCHEMES, Address, address


def parse_address(words: list[str]) -> Address:
    """What the words LISTEN PORT tls|plain say; without any, what config.rc says. Failure if they say no such thing."""
    if not words:
        return address(document.read().find(Title("wui")))
    listen, port, scheme = words
    if not port.isdecimal() or scheme not in SCHEMES.values():
        raise Failure(f"{' '.join(words)}: not an address, a port, and {' or '.join(SCHEMES.values())}")
    return Address(listen, int(port), scheme == SCHEMES[True])


def tls_context() -> Any:
    """Its certificate and key, as an ssl.SSLContext. Failure if they cannot be used."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(CERTIFICATE)
    except (OSError, ssl.SSLError) as error:
        raise Failure(
            f"{CERTIFICATE}: {error}", f"remove {CERTIFICATE}, then service wui restart: a new one is made"
        ) from None
    return context
