"""Who is at the keyboard: what the audit trail and the history of saves say of it."""

import os

from firmware.manifest import user_name
from firmware.sync.audit import Who


def identify() -> Who:
    """The account, where it sits, and with which key it logged in."""
    return Who(_account(), _origin(), _key_fingerprint())


def _account() -> str:
    """The account; behind sudo, the one that called it; in a terminal of the web UI, the one that logged in there."""
    return os.environ.get("SUDO_USER") or os.environ.get("WEB_ACCOUNT") or user_name(os.getuid())


def _origin() -> str:
    """The address that an administrator logged in from, else the terminal, else "": nobody sits there."""
    if address := os.environ.get("WEB_ADDRESS"):
        return address
    if connection := os.environ.get("SSH_CONNECTION"):
        return connection.split()[0]
    try:
        return os.ttyname(0).removeprefix("/dev/")
    except OSError:
        return ""


def _key_fingerprint() -> str:
    """The key that the administrator logged in with; "" if it was none. sshd tells by ExposeAuthInfo."""
    try:
        with open(os.environ.get("SSH_USER_AUTH", ""), encoding="utf-8") as file:
            words = file.read().split()
        from firmware.sync.keys import Key

        return Key(words[1], words[2]).fingerprint if words[0] == "publickey" else ""
    except (OSError, ValueError, IndexError):
        return ""
