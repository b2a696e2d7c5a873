"""The factory's signature, in OpenSSH's own format: `ssh-keygen` makes and checks it, here and wherever a record arrives."""

import base64
import hashlib
import os
import re
from pathlib import Path

from firmware.errors import Failure, Refused
from firmware.run import Result, run

#: what our signatures are for (ssh-keygen -n); one for something else is none of ours
NAMESPACE = "provisioning@csyncd"
#: as whom allowed_signers knows the factory (ssh-keygen -I)
FACTORY = "factory"
#: a public key in a file of signers; each begins with the length of its type
_BLOB = re.compile(r"\s(AAAA[A-Za-z0-9+/]+={0,2})(?:\s|$)")


def sign(data: bytes, key: Path) -> bytes:
    """The signature of `data` as a .sig file holds it. `key` is the factory's private key, or its public key where an agent
    has the private one. Failure with ssh-keygen's words; nobody is asked for a passphrase."""
    agent = [f"SSH_AUTH_SOCK={os.environ['SSH_AUTH_SOCK']}"] if os.environ.get("SSH_AUTH_SOCK") else []
    unasked = ["env", *agent, "SSH_ASKPASS_REQUIRE=force", "SSH_ASKPASS=/bin/false"]
    argv = [*unasked, "ssh-keygen", "-Y", "sign", "-n", NAMESPACE, "-f", str(key.absolute())]
    done = run(argv, stdin=data, check=False)
    if done.status or not done.stdout.startswith("-----BEGIN SSH SIGNATURE-----"):
        raise Failure(
            f"{key}: the factory's key does not sign: {_key_words(key, done)}",
            "name its private key, mode 0600; one with a passphrase has to be in ssh-agent: ssh-add KEY",
        )
    return done.stdout.encode()


def is_signed(data: bytes, signature: bytes, signers: Path) -> bool:
    """Whether the factory signed exactly these bytes, by the keys in `signers` (a file as ssh-keygen's ALLOWED SIGNERS)."""
    argv = ["ssh-keygen", "-Y", "verify", "-n", NAMESPACE, "-I", FACTORY, "-f", str(signers.absolute()), "-s"]
    return run(argv, stdin=data, documents=[signature], check=False).status == 0


def public_key(key: Path) -> str:
    """Type and blob of the factory's public key: that beside the private one, or made out of it."""
    for path in (key, key.with_name(f"{key.name}.pub")):
        if path.suffix == ".pub" and path.exists():
            return " ".join(path.read_text().split()[:2])
    unasked = ["env", "SSH_ASKPASS_REQUIRE=force", "SSH_ASKPASS=/bin/false"]
    done = run([*unasked, "ssh-keygen", "-y", "-f", str(key.absolute())], check=False)
    if done.status:
        raise Failure(
            f"{key}: {_key_words(key, done)}",
            "name the factory's private key; ssh-keygen -t ed25519 -f KEY makes the one of a new factory",
        )
    return " ".join(done.stdout.split()[:2])


def _key_words(key: Path, done: Result) -> str:
    """What ssh-keygen has against a key, in a line."""
    try:
        key.open("rb").close()
    except OSError as error:
        return error.strerror or "it cannot be read"
    if "UNPROTECTED" in done.output:
        return f"others may read it, so ssh-keygen does not take it: chmod 600 {key}"
    return done.output.replace("\n", "; ") or f"ssh-keygen has exit status {done.status}"


def signer_line(public: str) -> str:
    """The line of allowed_signers that lets this key sign as the factory, and nothing but records."""
    return f'{FACTORY} namespaces="{NAMESPACE}" {public}\n'


def require_signer(public: str, signers: Path) -> None:
    """Refused where records are signed by other keys than this one."""
    if public not in signers.read_text():
        raise Refused(
            f"{signers}: the factory's key is not in it, so nobody could verify what it signs",
            f"take the key that signed the other records, or add a line: {signer_line(public).strip()}",
        )


def fingerprints(signers: Path) -> list[str]:
    """SHA256:… of each key that may sign, as `ssh-keygen -l` prints it, for people to compare."""
    blobs = [base64.b64decode(blob) for blob in _BLOB.findall(signers.read_text())]
    digests = [hashlib.sha256(blob).digest() for blob in blobs]
    return ["SHA256:" + base64.b64encode(digest).decode().rstrip("=") for digest in digests]
