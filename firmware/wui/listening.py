"""Where the web UI listens, and with which certificate."""

import socket
from typing import Any

from firmware.errors import Failure
from firmware.printable import bracket_address
from firmware.rc import document
from firmware.rc.title import Title
from firmware.services.declared.wui import CERTIFICATE, EVERY, SCHEMES, Address, address

#: connections that the kernel keeps until they are accepted
BACKLOG = 1024
#: what is offered besides TLS 1.3: forward secrecy, and no cipher but those that authenticate what they encrypt
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


def parse_address(words: list[str]) -> Address:
    """What the words LISTEN PORT tls|plain say; without any, what config.rc says. Failure if they say no such thing."""
    if not words:
        return address(document.read().find(Title("wui")))
    listen, port, scheme = words
    if not port.isdecimal() or scheme not in SCHEMES.values():
        raise Failure(f"{' '.join(words)}: not an address, a port, and {' or '.join(SCHEMES.values())}")
    return Address("" if listen == EVERY else listen, int(port), scheme == SCHEMES[True])


def open_listeners(where: Address) -> list[socket.socket]:
    """A listening socket, or one for IPv4 and one for IPv6 where it is every address; Failure if a port is taken. A kernel
    without IPv6 has none of that."""
    addresses = [where.listen] if where.listen else ["0.0.0.0", *(["::"] if socket.has_dualstack_ipv6() else [])]
    return [_open_listener(address, where.port) for address in addresses]


def _open_listener(address: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, place = socket.getaddrinfo(
            address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )[0]
        listener = socket.socket(family, kind | socket.SOCK_NONBLOCK)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(place)
        listener.listen(BACKLOG)
    except OSError as error:
        raise Failure(f"{bracket_address(address)}:{port}: {(error.strerror or str(error)).lower()}") from None
    return listener


def tls_context() -> Any:
    """Its certificate and key, as an ssl.SSLContext. Failure if they cannot be used."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    try:
        context.load_cert_chain(CERTIFICATE)
    except (OSError, ssl.SSLError) as error:
        raise Failure(
            f"{CERTIFICATE}: {error}", f"remove {CERTIFICATE}, then service wui restart: a new one is made"
        ) from None
    return context
