"""`csync genkey`, `keys` and `getkey`: how two nodes come to trust each other, by a person's eyes."""

import json
import socket
import sys
from collections.abc import Mapping
from typing import Any

from firmware import addresses
from firmware.commands.caller import who
from firmware.commands.cli import parse_arguments
from firmware.errors import Failure, Lost, Refused
from firmware.http11 import blocking
from firmware.http11.wire import Response
from firmware.rc import document
from firmware.rc.title import Title
from firmware.services.declared import wui
from firmware.sync import audit, keys, settings
from firmware.sync.keys import Key, PublicKeys
from firmware.sync.settings import Settings

#: seconds that the peer's web UI may take to be there, and again to answer
TIME = 10.0
_WEB_UIS = (
    "both web UIs have to run, on the same port and with the same scheme: service wui status, here and on PEER; "
    "one that does not answer: service wui restart"
)


def genkey(argv: list[str]) -> int:
    """Make the keys, while csyncd is stopped."""
    parse_arguments(argv, "")
    from firmware.services import states

    if states.service_state("csyncd").state == "running":
        raise Refused("csyncd runs on this node, and would go on with the old keys", "service csyncd stop")
    found, replaces = settings.read(), len(keys.missing_files()) < len(keys.KEY_FILES)
    made = keys.generate(found.local_node)
    audit.note("genkey", who=who(), result="made", host=made.host.fingerprint, user=made.user.fingerprint)
    print(_table(made))
    if replaces:
        print(f"these keys REPLACE others: csync getkey on node {found.remote_node} again", file=sys.stderr)
    return 0


def show(argv: list[str]) -> int:
    """Print this node's public keys."""
    _, options = parse_arguments(argv, "", flags=("--json",))
    own = keys.load(settings.read().local_node)
    print(json.dumps(own.json(), indent=2) if "--json" in options else _table(own))
    return 0


def getkey(argv: list[str]) -> int:
    """Fetch the peer's keys; store them if the code is theirs, or once a person has confirmed them."""
    _, options = parse_arguments(argv, "", values=("--code",))
    code = options.get("--code")
    if code is not None and not code.strip():
        raise Refused("--code is empty: nothing is stored", "read the code on the peer: csync keys")
    found = settings.read(local_addresses=addresses.own())
    theirs = keys.parse_public_keys(read(*ask_web(found)), found.remote_node)
    replaced = _describe_replaced(found, theirs)
    print(f"The keys of node {theirs.node} at {found.remote_ip}:\n{_table(theirs)}{replaced}")
    if code is not None and not keys.is_same_code(code, theirs.code):
        raise Refused(
            f"the peer's code is {theirs.code}, not {code}: nothing is stored",
            "read the code on the peer: csync keys",
        )
    if code is None and not _confirmed():
        raise Refused("not confirmed: nothing is stored", "compare with `csync keys` on the peer, or give --code")
    keys.store_peer_keys(found, theirs)
    audit.note("getkey", who=who(), result="stored", host=theirs.host.fingerprint, user=theirs.user.fingerprint)
    print(f"stored: node {theirs.node} is trusted with these keys")
    return 0


def ask_web(found: Settings) -> tuple[str, Response]:
    """What the web UI of the peer answers for `GET /csyncd/keys`, whatever it is, after the page's address; Failure if there is
    no answer."""
    where = wui.address(document.read().find(Title("wui")))
    scheme = "https" if where.tls else "http"
    page = f"{scheme}://{found.remote_ip}:{where.port}/csyncd/keys"
    try:
        return page, _answer(found.remote_ip, where)
    except (OSError, Lost) as error:
        late = isinstance(error, TimeoutError)
        why = f"no answer within {TIME:g} s" if late else getattr(error, "strerror", None) or str(error)
        raise Failure(f"{page}: {why}", _WEB_UIS.replace("PEER", f"node {found.remote_node}")) from None


def read(page: str, answer: Response) -> Mapping[str, Any]:
    """The peer's keys, as its web UI answered; Failure with what to do if there are none."""
    if answer.status != 200:
        error, hint = answer.content.get("error", answer.status), answer.content.get("hint") or "csync genkey"
        raise Failure(f"{page}: the peer says: {error}", f"on the peer: {hint}")
    return answer.content


def _answer(address: str, where: wui.Address) -> Response:
    with socket.create_connection((address, where.port), timeout=TIME) as plain:
        if not where.tls:
            return blocking.request(plain, "GET", "/csyncd/keys", timeout=TIME)
        with _tls(plain) as connection:
            return blocking.request(connection, "GET", "/csyncd/keys", timeout=TIME)


def _tls(plain: socket.socket) -> socket.socket:
    # The certificate proves nothing here, and needs not: a person compares what came with what the peer shows.
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        return context.wrap_socket(plain)
    except ssl.SSLError as error:
        raise Lost(f"no TLS there: {(error.reason or 'it ended').lower().replace('_', ' ')}") from None


def _table(pair: PublicKeys) -> str:
    return "\n".join((
        f"node          {pair.node}", f"host key      {pair.host.type} {pair.host.fingerprint}",
        f"user key      {pair.user.type} {pair.user.fingerprint}", f"pairing code  {pair.code}",
    ))  # fmt: skip


def _describe_replaced(found: Settings, theirs: PublicKeys) -> str:
    host, user = keys.stored_peer_keys(found)
    pairs: list[tuple[str, Key | None, Key]] = [("host", host, theirs.host), ("user", user, theirs.user)]
    changed = [(what, old, new) for what, old, new in pairs if old is not None and old != new]
    if not changed:
        return ""
    lines = [
        f"\n  {what} key  stored here: {old.fingerprint}\n            now:         {new.fingerprint}"
        for what, old, new in changed
        if old
    ]
    return "\nThese keys REPLACE others:" + "".join(lines)


def _confirmed() -> bool:
    print("Does the peer show the same fingerprints and code? Type yes to store these keys: ", end="", flush=True)
    answer = sys.stdin.readline()
    if not sys.stdin.isatty():
        print()
    return answer.strip().lower() in ("yes", "y")
