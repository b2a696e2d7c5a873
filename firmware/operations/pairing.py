"""How two nodes come to trust each other: what `csync genkey`, `keys` and `getkey` do.

Fetching the peer's keys and trusting them are two steps, for a person compares fingerprints and code in between.
"""

from dataclasses import dataclass

from firmware.errors import Refused
from firmware.services import states
from firmware.sync import ancestor, audit, keys, settings
from firmware.sync.audit import Who
from firmware.sync.keys import PublicKeys
from firmware.sync.settings import Settings

#: the word (`problem`) by which it says why there are no keys: the csyncd.cfg there cannot be used
SETTINGS_INVALID = "settings"


@dataclass(frozen=True, slots=True)
class GeneratedKeys:
    """The keys that were made; whether they replace others, so that the peer has to fetch them again; the peer's number."""

    public: PublicKeys
    replaced: bool
    peer_node: int


@dataclass(frozen=True, slots=True)
class ReplacedKey:
    """A key of the peer that is stored here and would be replaced: `host` or `user`, with both fingerprints."""

    kind: str
    stored: str
    fetched: str


@dataclass(frozen=True, slots=True)
class FetchedKeys:
    """The peer's keys as its web UI gave them, for which nothing vouches yet, and what they would replace."""

    settings: Settings
    public: PublicKeys
    replaced: tuple[ReplacedKey, ...]


def public_keys() -> PublicKeys:
    """This node's public keys; Failure where there are none yet, Invalid where csyncd.cfg is."""
    return keys.load(settings.read().local_node)


def generate_keys(*, who: Who) -> GeneratedKeys:
    """Make this node's keys anew; with those that replace others it is another node for its peers, and no sync lies behind
    it. Refused while csyncd runs, which would go on with the old ones."""
    if states.service_state("csyncd").state == "running":
        raise Refused("csyncd runs on this node, and would go on with the old keys", "service csyncd stop")
    found, replaced = settings.read(), len(keys.missing_files()) < len(keys.KEY_FILES)
    made = keys.generate(found.local_node)
    if replaced:
        ancestor.forget()
    audit.note("genkey", who=who, result="made", host=made.host.fingerprint, user=made.user.fingerprint)
    return GeneratedKeys(made, replaced, found.remote_node)


def fetch_peer_keys() -> FetchedKeys:
    """Ask the peer's web UI for its keys; nothing is stored. Failure if it does not answer, or has none."""
    from firmware import addresses
    from firmware.operations.peer_web_ui import ask_peer_web_ui, peer_keys

    found = settings.read(local_addresses=addresses.local_addresses())
    theirs = peer_keys(ask_peer_web_ui(found), found.remote_node)
    stored = keys.stored_peer_keys(found)
    pairs = (("host", stored.host, theirs.host), ("user", stored.user, theirs.user))
    replaced = [ReplacedKey(kind, old.fingerprint, new.fingerprint) for kind, old, new in pairs if old and old != new]
    return FetchedKeys(found, theirs, tuple(replaced))


def require_code(fetched: FetchedKeys, code: str) -> None:
    """Refused unless `code` is the pairing code of the keys that were fetched."""
    if not keys.is_same_code(code, fetched.public.code):
        raise Refused(
            f"the peer's code is {fetched.public.code}, not {code}: nothing is stored",
            "read the code on the peer: csync keys",
        )


def trust_peer_keys(fetched: FetchedKeys, *, who: Who) -> None:
    """Store the keys that were fetched: from now on the peer may come in, and is known by them. With those that replace
    others it is not known to be the node any more that synced before."""
    if fetched.replaced:
        ancestor.forget(fetched.settings.remote_node)
    keys.store_peer_keys(fetched.settings, fetched.public)
    host, user = fetched.public.host.fingerprint, fetched.public.user.fingerprint
    audit.note("getkey", who=who, result="stored", host=host, user=user)
