"""The keys of this node and of its peer, in OpenSSH's own formats, and what a person compares: fingerprints, pairing code."""

import base64
import binascii
import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware import files
from firmware.errors import Failure
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


def is_same_code(one: str, other: str) -> bool:
    """Whether two codes are equal as a person means them: case, dashes and blanks aside, O read as 0, I and L as 1."""
    return _normalize_code(one) == _normalize_code(other)


def _normalize_code(code: str) -> str:
    kept = "".join(letter for letter in code.upper() if letter.isalnum())
    return kept.replace("O", "0").replace("I", "1").replace("L", "1")


def generate(node: int, directory: Path = DIRECTORY) -> PublicKeys:
    """Make this node's host and user keys anew (ed25519, private ones 0600) and put both in place."""
    with tempfile.TemporaryDirectory(prefix=".keys.", dir=directory) as made:
        for name in (HOST, USER):
            target = Path(made) / name
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", node_name(node), "-f", str(target)])
        for name in (HOST, USER):
            files.write(directory / name, (Path(made) / name).read_bytes(), mode=0o600)
            files.write(directory / f"{name}.pub", (Path(made) / f"{name}.pub").read_bytes(), mode=0o644)
    return load(node, directory)


def load(node: int, directory: Path = DIRECTORY) -> PublicKeys:
    """This node's public keys; Failure where there are none yet."""
    return PublicKeys(node, _read_public_key(directory / f"{HOST}.pub"), _read_public_key(directory / f"{USER}.pub"))


def missing_files(directory: Path = DIRECTORY) -> list[Path]:
    """Which of OWN are not there: none if this node has keys, all if it never had."""
    return [directory / name for name in KEY_FILES if not (directory / name).exists()]


def parse_public_keys(content: Mapping[str, Any], node: int) -> PublicKeys:
    """The peer's public keys from what its web UI answered; everything about them is worked out anew from the blobs."""
    try:
        host, user = (parse_key(f"{content[part]['type']} {content[part]['key']}") for part in ("host", "user"))
        told = int(content["node"])
    except (KeyError, TypeError, ValueError):
        raise Failure("the peer's answer: it holds no public keys") from None
    if told != node:
        raise Failure(
            f"the peer: it calls itself node {told}, but REMOTE_NODE is {node}", "make csyncd.cfg agree on both nodes"
        )
    return PublicKeys(node, host, user)


def parse_key(line: str) -> Key:
    """The key of a line `TYPE BLOB [COMMENT]`; Failure unless it is a sound ed25519 key."""
    words = line.split()
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (IndexError, binascii.Error):
        blob = b""
    if not blob or words[0] != TYPE or len(blob) != 51 or blob[4:15] != TYPE.encode():
        raise Failure(f"{line[:60]!r}: not an ed25519 public key")
    return Key(TYPE, words[1])


def _read_public_key(path: Path) -> Key:
    try:
        return parse_key(path.read_text())
    except FileNotFoundError:
        raise Failure(f"{path}: there are no keys yet", "csync genkey, while csyncd is stopped") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path}: {error}") from None


def stored_peer_keys(settings: Settings, directory: Path = DIRECTORY) -> tuple[Key | None, Key | None]:
    """The peer's host key and user key that are stored here, each None if it is not."""
    hosts = {name: key for names, key in _known_hosts(directory) for name in names}
    users = {name: key for key, name in authorized_keys(directory, settings.remote_node)}
    return hosts.get(settings.peer), users.get(settings.peer)


def authorized_keys(directory: Path, only_peer: int) -> list[tuple[Key, str]]:
    """The keys of csyncd_authorized, each with its node's name; a single key without one is `only_peer`'s."""
    keys = []
    for line in _read_lines(directory / AUTHORIZED):
        words = line.split()
        start = words.index(TYPE) if TYPE in words else len(words)
        try:
            keys.append((parse_key(" ".join(words[start:])), words[start + 2] if len(words) > start + 2 else ""))
        except Failure:
            continue
    if len(keys) == 1 and not keys[0][1].startswith("node-"):
        return [(keys[0][0], node_name(only_peer))]
    return [(key, name) for key, name in keys if name.removeprefix("node-").isdigit()]


def store_peer_keys(settings: Settings, pair: PublicKeys, directory: Path = DIRECTORY) -> None:
    """Store the peer's keys, in place of others that it had; other nodes' keys stay."""
    names = ",".join((settings.peer, settings.remote_ip, f"[{settings.remote_ip}]:{settings.port}"))
    # The name node-N is what our ssh looks up: a peer is known by its key, also when its address changes.
    kept = [
        line
        for line in _read_lines(directory / KNOWN_HOSTS)
        if not set(line.split()[0].split(",")) & set(names.split(","))
    ]
    _write_lines(directory / KNOWN_HOSTS, [*kept, f"{names} {pair.host.line}"])
    others = [f"{key.line} {name}" for key, name in authorized_keys(directory, pair.node) if name != settings.peer]
    _write_lines(directory / AUTHORIZED, [*others, f"{pair.user.line} {settings.peer}"])


def _known_hosts(directory: Path) -> list[tuple[list[str], Key]]:
    found = []
    for line in _read_lines(directory / KNOWN_HOSTS):
        names, _, key = line.partition(" ")
        try:
            found.append((names.split(","), parse_key(key)))
        except Failure:
            continue
    return found


def _read_lines(path: Path) -> list[str]:
    try:
        text = path.read_text("utf-8", "replace")
    except FileNotFoundError:
        return []
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _write_lines(path: Path, lines: list[str]) -> None:
    os.makedirs(path.parent, exist_ok=True)
    files.write(path, ("\n".join(lines) + "\n").encode(), mode=0o644)
