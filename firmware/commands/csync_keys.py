"""`csync genkey`, `keys` and `getkey`: how two nodes come to trust each other, by a person's eyes."""

import json
import sys

from firmware.commands import operator_identity
from firmware.commands.cli import parse_arguments
from firmware.errors import Refused
from firmware.operations import pairing
from firmware.operations.pairing import FetchedKeys
from firmware.sync.keys import PublicKeys


def genkey(argv: list[str]) -> int:
    """Make the keys, while csyncd is stopped."""
    parse_arguments(argv, "")
    made = pairing.generate_keys(who=operator_identity.identify())
    print(_table(made.public))
    if made.replaced:
        print(f"these keys REPLACE others: csync getkey on node {made.peer_node} again", file=sys.stderr)
    return 0


def show(argv: list[str]) -> int:
    """Print this node's public keys."""
    _, options = parse_arguments(argv, "", flags=("--json",))
    own = pairing.public_keys()
    print(json.dumps(own.json(), indent=2) if "--json" in options else _table(own))
    return 0


def getkey(argv: list[str]) -> int:
    """Fetch the peer's keys; store them if the code is theirs, or once a person has confirmed them."""
    _, options = parse_arguments(argv, "", values=("--code",))
    code = options.get("--code")
    if code is not None and not code.strip():
        raise Refused("--code is empty: nothing is stored", "read the code on the peer: csync keys")
    fetched = pairing.fetch_peer_keys()
    node, address = fetched.public.node, fetched.settings.remote_ip
    print(f"The keys of node {node} at {address}:\n{_table(fetched.public)}{_describe_replaced(fetched)}")
    if code is not None:
        pairing.require_code(fetched, code)
    elif not _ask_for_confirmation():
        raise Refused("not confirmed: nothing is stored", "compare with `csync keys` on the peer, or give --code")
    pairing.trust_peer_keys(fetched, who=operator_identity.identify())
    print(f"stored: node {node} is trusted with these keys")
    return 0


def _table(public: PublicKeys) -> str:
    return "\n".join((
        f"node          {public.node}", f"host key      {public.host.type} {public.host.fingerprint}",
        f"user key      {public.user.type} {public.user.fingerprint}", f"pairing code  {public.code}",
    ))  # fmt: skip


def _describe_replaced(fetched: FetchedKeys) -> str:
    if not fetched.replaced:
        return ""
    lines = [
        f"\n  {key.kind} key  stored here: {key.stored}\n            now:         {key.fetched}"
        for key in fetched.replaced
    ]
    return "\nThese keys REPLACE others:" + "".join(lines)


def _ask_for_confirmation() -> bool:
    print("Does the peer show the same fingerprints and code? Type yes to store these keys: ", end="", flush=True)
    answer = sys.stdin.readline()
    if not sys.stdin.isatty():
        print()
    return answer.strip().lower() in ("yes", "y")
