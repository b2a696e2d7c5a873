"""The keys of this node and of its peer, in OpenSSH's own formats, and what a person compares: fingerprints, pairing code."""

import base64
import binascii
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware import files
from firmware.errors import Failure, Invalid
from firmware.run import run
from firmware.sync.settings import Settings, node_name

DIRECTORY = Path("/etc/csyncd")
HOST, USER = "ssh_host_ed25519_key", "id_ed25519"
KEY_FILES = (HOST, f"{HOST}.pub", USER, f"{USER}.pub")
KNOWN_HOSTS, AUTHORIZED = "ssh_known_hosts", "csyncd_authorized"
TYPE = "ssh-ed25519"
#: Crockford's base32: no I, L, O or U, so that a code survives being read aloud
CODE_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Key:
    """A public key: OpenSSH's type word and its base64 blob."""

    type: str
    blob: str

    @property
    def fingerprint(self) -> str:
        """SHA256:… as `ssh-keygen -l` prints it."""
        digest = hashlib.sha256(base64.b64decode(self.blob)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    @property
    def line(self) -> str:
        """Type and blob, as in a .pub file."""
        return f"{self.type} {self.blob}"


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """The two public keys of one node."""

    node: int
    host: Key
    user: Key

    @property
    def code(self) -> str:
        """The pairing code: 80 bits of SHA-256 over both public keys, as four groups of four letters."""
        number = int.from_bytes(
            hashlib.sha256(f"csyncd pair\n{self.host.line}\n{self.user.line}\n".encode()).digest()[:10]
        )
        letters = "".join(CODE_LETTERS[number >> shift & 31] for shift in range(75, -1, -5))
        return "-".join(letters[start : start + 4] for start in range(0, 16, 4))

    def json(self) -> dict[str, Any]:
        """What `csync keys --json` prints and `GET /csyncd/keys` answers."""
        host, user = (
            {"type": key.type, "key": key.blob, "fingerprint": key.fingerprint} for key in (self.host, self.user)
        )
        return {"node": self.node, "host": host, "user": user, "code": self.code}


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """The peer's host key and user key as they are stored on this node, each None if it is not."""

    host: Key | None
    user: Key | None


@dataclass(frozen=True, slots=True)
class KnownPeer:
    """A peer as this node knows it: its number, and the fingerprint of its user key ("" while none is stored)."""

    node: int
    key: str


@dataclass(frozen=True, slots=True)
class AuthorizedKey:
    """A line of csyncd_authorized: a user key, and the name of the node that it belongs to."""

    key: Key
    node: str


def is_same_code(one: str, other: str) -> bool:
    """Whether two codes are equal as a person means them: case, dashes and blanks aside, O read as 0, I and L as 1."""
    return _normalize_code(one) == _normalize_code(other)


def _normalize_code(code: str) -> str:
    letters = "".join(letter for letter in code.upper() if letter.isalnum())
    return letters.replace("O", "0").replace("I", "1").replace("L", "1")


def generate(node: int, directory: Path = DIRECTORY) -> PublicKeys:
    """Make this node's host and user keys anew (ed25519, private ones 0600) and put both in place."""
    with files.scratch_directory(".keys", directory) as made:
        for name in (HOST, USER):
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", node_name(node), "-f", str(made / name)])
        for name in (HOST, USER):
            files.write(directory / name, (made / name).read_bytes(), mode=0o600)
            files.write(directory / f"{name}.pub", (made / f"{name}.pub").read_bytes(), mode=0o644)
    return load(node, directory)


def load(node: int, directory: Path = DIRECTORY) -> PublicKeys:
    """This node's public keys; Failure where there are none yet."""
    return PublicKeys(node, _read_public_key(directory / f"{HOST}.pub"), _read_public_key(directory / f"{USER}.pub"))


def missing_files(directory: Path = DIRECTORY) -> list[Path]:
    """Which of OWN are not there: none if this node has keys, all if it never had."""
    return [directory / name for name in KEY_FILES if not (directory / name).exists()]


def require_private_host_key(directory: Path = DIRECTORY) -> None:
    """Invalid if others may read the private host key: sshd does not use it then, and says so with a banner."""
    host = directory / HOST
    mode = host.stat().st_mode & 0o777 if host.exists() else 0
    if mode & 0o077:
        raise Invalid(
            f"others may read this node's host key (mode {mode:04o}), so sshd does not use it",
            f"chmod 600 {host}; if anybody else has read it: csync genkey, then csync getkey on both nodes",
        )


def parse_public_keys(content: Mapping[str, Any], node: int) -> PublicKeys:
    """The peer's public keys from what its web UI answered; everything about them is worked out anew from the blobs."""
    try:
        host, user = (parse_key(f"{content[part]['type']} {content[part]['key']}") for part in ("host", "user"))
        claimed = int(content["node"])
    except (KeyError, TypeError, ValueError, Failure):  # its words are for nobody: who answers has proved nothing yet
        raise Failure("the peer's answer: it holds no ed25519 public keys") from None
    if claimed != node:
        raise Failure(
            f"the peer: it calls itself node {claimed}, but REMOTE_NODE is {node}",
            "make csyncd.cfg agree on both nodes",
        )
    return PublicKeys(node, host, user)


def parse_key(line: str) -> Key:
    """The key of a line `TYPE BLOB [COMMENT]`; Failure unless it is a sound ed25519 key."""
    fields = line.split()
    try:
        blob = base64.b64decode(fields[1], validate=True)
    except (IndexError, binascii.Error):
        blob = b""
    if not blob or fields[0] != TYPE or len(blob) != 51 or blob[4:15] != TYPE.encode():
        raise Failure(f"{line[:60]!r}: not an ed25519 public key")
    return Key(TYPE, fields[1])


def _read_public_key(path: Path) -> Key:
    try:
        return parse_key(path.read_text())
    except FileNotFoundError:
        raise Failure(f"{path}: there are no keys yet", "csync genkey, while csyncd is stopped") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path}: {error}") from None


def stored_peer_keys(settings: Settings, directory: Path = DIRECTORY) -> StoredKeys:
    """The keys of the peer that are stored here."""
    users = {one.node: one.key for one in authorized_keys(directory, settings.remote_node)}
    return StoredKeys(_known_hosts(directory).get(settings.peer), users.get(settings.peer))


def known_peer(settings: Settings, directory: Path = DIRECTORY) -> KnownPeer:
    """The peer of csyncd.cfg, with the key by which it is known now."""
    user = stored_peer_keys(settings, directory).user
    return KnownPeer(settings.remote_node, user.fingerprint if user else "")


def authorized_keys(directory: Path, only_peer: int) -> list[AuthorizedKey]:
    """The keys of csyncd_authorized that belong to a node; a single key without a name is `only_peer`'s."""
    authorized = []
    for line in _read_lines(directory / AUTHORIZED):
        fields = line.split()
        start = fields.index(TYPE) if TYPE in fields else len(fields)
        try:
            authorized.append(
                AuthorizedKey(parse_key(" ".join(fields[start:])), "".join(fields[start + 2 : start + 3]))
            )
        except Failure:
            continue
    if len(authorized) == 1 and not authorized[0].node.startswith("node-"):
        return [AuthorizedKey(authorized[0].key, node_name(only_peer))]
    return [one for one in authorized if one.node.removeprefix("node-").isdigit()]


def store_peer_keys(settings: Settings, peer: PublicKeys, directory: Path = DIRECTORY) -> None:
    """Store the peer's keys, in place of others that it had; other nodes' keys stay."""
    # The name node-N is what our ssh looks up: a peer is known by its key, also when its address changes.
    names = (settings.peer, settings.remote_ip, f"[{settings.remote_ip}]:{settings.port}")
    hosts = [line for line in _read_lines(directory / KNOWN_HOSTS) if not {*line.split()[0].split(",")} & {*names}]
    _write_lines(directory / KNOWN_HOSTS, [*hosts, f"{','.join(names)} {peer.host.line}"])
    others = [one for one in authorized_keys(directory, peer.node) if one.node != settings.peer]
    lines = [f"{one.key.line} {one.node}" for one in others]
    _write_lines(directory / AUTHORIZED, [*lines, f"{peer.user.line} {settings.peer}"])


def _known_hosts(directory: Path) -> dict[str, Key]:
    """The host keys that are stored here, by each name of a host."""
    hosts = {}
    for line in _read_lines(directory / KNOWN_HOSTS):
        names, _, key = line.partition(" ")
        try:
            hosts.update(dict.fromkeys(names.split(","), parse_key(key)))
        except Failure:
            continue
    return hosts


def _read_lines(path: Path) -> list[str]:
    try:
        text = path.read_text("utf-8", "replace")
    except FileNotFoundError:
        return []
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _write_lines(path: Path, lines: list[str]) -> None:
    os.makedirs(path.parent, exist_ok=True)
    files.write(path, ("\n".join(lines) + "\n").encode(), mode=0o644)
