"""What the peer's web UI answers for `GET /csyncd/keys`: how its public keys get here before there is any trust.

Whoever answers at the peer's address has proved nothing. So the keys are all that is taken from the answer, for people to
compare; what is wrong there is said in our own words, of which the answer chooses one.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from firmware.errors import Failure, Lost
from firmware.http11 import blocking
from firmware.http11.wire import Response
from firmware.operations import pairing
from firmware.printable import bracket_address
from firmware.rc import document
from firmware.rc.title import Title
from firmware.services.declared import wui
from firmware.sync import keys
from firmware.sync.keys import PublicKeys
from firmware.sync.settings import FILE, Settings

#: seconds that the peer's web UI may take to be there, and again to answer
ANSWER_SECONDS = 10.0
_REMEDY = (
    "both web UIs have to run, on the same port and with the same scheme: service wui status, here and on PEER; "
    "one that does not answer: service wui restart"
)


@dataclass(frozen=True, slots=True)
class WebUiAnswer:
    """What answered at the peer's address, whatever it is, and the address of the page."""

    url: str
    status: int
    content: Mapping[str, Any]


def ask_peer_web_ui(settings: Settings) -> WebUiAnswer:
    """Ask the peer's web UI, on the port and with the scheme of this node's; Failure if there is no answer."""
    where = wui.address(document.read().find(Title("wui")))
    scheme = "https" if where.tls else "http"
    host = bracket_address(settings.remote_ip).replace("%", "%25")  # a zone, as URLs have it (RFC 6874)
    url = f"{scheme}://{host}:{where.port}/csyncd/keys"
    try:
        answer = _request(settings.remote_ip, where)
    except (OSError, Lost) as error:
        late = isinstance(error, TimeoutError)
        why = f"no answer within {ANSWER_SECONDS:g} s" if late else getattr(error, "strerror", None) or str(error)
        raise Failure(f"{url}: {why}", _REMEDY.replace("PEER", f"node {settings.remote_node}")) from None
    return WebUiAnswer(url, answer.status, answer.content)


def peer_keys(answer: WebUiAnswer, node: int) -> PublicKeys:
    """The public keys of that node, as its web UI answered; Failure with what to do if there are none."""
    if answer.status == 404 and answer.content.get("problem") == pairing.SETTINGS_INVALID:
        raise Failure(
            f"{answer.url}: csyncd.cfg of the peer cannot be used", f"on the peer: edit {FILE}, then csync genkey"
        )
    if answer.status == 404:
        raise Failure(
            f"{answer.url}: the peer has no keys yet", "on the peer: csync genkey; if it has keys: csync check"
        )
    if answer.status != 200:
        raise Failure(
            f"{answer.url}: no keys came, but the status {answer.status}", "on the peer: service wui status, logread"
        )
    return keys.parse_public_keys(answer.content, node)


def _request(address: str, where: wui.Address) -> Response:
    with socket.create_connection((address, where.port), timeout=ANSWER_SECONDS) as plain:
        if not where.tls:
            return blocking.request(plain, "GET", "/csyncd/keys", timeout=ANSWER_SECONDS)
        with _start_tls(plain) as connection:
            return blocking.request(connection, "GET", "/csyncd/keys", timeout=ANSWER_SECONDS)


def _start_tls(plain: socket.socket) -> socket.socket:
    # The certificate proves nothing here, and needs not: a person compares what came with what the peer shows.
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        return context.wrap_socket(plain)
    except ssl.SSLError as error:
        raise Lost(f"no TLS there: {(error.reason or 'it ended').lower().replace('_', ' ')}") from None
