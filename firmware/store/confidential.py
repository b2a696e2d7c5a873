"""What in a file is not for everybody's eyes: private keys, keys of tickets, password hashes; and secrets within a line."""

import re

#: bytes that are looked at in one go, for no other thread runs meanwhile, and how far a match may reach beyond them
_PIECE, _REACH = 1 << 16, 128
_PRIVATE = re.compile(rb"----? ?BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY|PuTTY-User-Key-File-[0-9]")
#: nothing but a WireGuard key
_WIREGUARD = re.compile(rb"\s{0,64}[A-Za-z0-9+/]{43}=\s{0,64}")
#: 48 or 80 bytes in base64, one a line: keys of session tickets, as haproxy reads them. Hexadecimal digits are a digest
_TICKET = re.compile(rb"\s{0,64}(?![0-9a-fA-F]{64}\s)(?:[A-Za-z0-9+/]{64}|[A-Za-z0-9+/]{107}=)(?:\s|\Z)")
#: files of password hashes, by name
_HASHES = ("shadow", "shadow-", "gshadow", "gshadow-")

#: what stands before a secret: in config.rc, haproxy.cfg, snmpd.conf, keepalived.conf, WireGuard's files, shell scripts.
#: The lookaheads leave out what only resembles one: `http-request auth realm X`, `http://host:80/`
_BEFORE = r"""(?xi:
      (?:private|preshared|dynamic-cookie|api|auth|access|encryption|hmac)[-_]?key (?:[ \t]*[=:][ \t]*|[ \t]+)
    | (?:password|passwd|passphrase|secret|auth_pass|ca-sign-pass|token|community6?) (?:[ \t]*[=:][ \t]*|[ \t]+)
    | trap2?sink [ \t]+ \S{1,255} [ \t]+
    | com2sec6? [ \t]+ (?:-Cn [ \t]+ \S{1,255} [ \t]+)? \S{1,255} [ \t]+ \S{1,255} [ \t]+
    | stats [ \t]+ auth [ \t]+ [^\s:]{1,255} :
    | (?:basic|bearer) (?:[ \t]|\\[ ]){1,8}
    | \bauth (?:[ \t]|\\[ ]){1,8} (?=\S{1,255}\\r\\n)
    | :// [^\s:/@]{1,255} : (?=[^\s@/]{1,255}@)
    | (?:pre)?setenv [ \t]+ \w{0,64}(?:pass|secret|token|key)\w{0,64} [ \t]+
    | (?:jwt_verify|hmac)\( [^,()\s]{1,255} , [ ]?
    | aes_gcm_(?:dec|enc)\( [^,()\s]{1,255} , [^,()\s]{1,255} , [ ]?
)"""
_WORD = r"""(?:"(?:[^"\\\n]|\\.)*"?|'[^'\n]*'?|(?:[^\s\\"'#]|\\.)(?:[^\s\\]|\\.)*)"""
_SECRET = re.compile(rf"({_BEFORE})({_WORD})|((?i:createuser)[ \t]+\S{{1,255}}[ \t]+)([^\n]+)")


def holds_private_key(data: bytes) -> bool:
    """Is there a private key in it (PEM of any kind, OpenSSH, PGP, PuTTY, or nothing but a WireGuard key)?"""
    if _WIREGUARD.fullmatch(data):
        return True
    starts = range(0, len(data), _PIECE)
    return any(_PRIVATE.search(data, start, start + _PIECE + _REACH) for start in starts)


def secret_kind(path: str, *versions: bytes | None) -> str:
    """What there is in a file that is not for anybody's eyes, in words; "" if there is nothing."""
    if path.rpartition("/")[2] in _HASHES or path.endswith("/wui/accounts.json"):
        return "password hashes"
    if any(holds_private_key(data) for data in versions if data):
        return "private key"
    return "keys of session tickets" if any(_TICKET.match(data) for data in versions if data) else ""


def hide_secrets(text: str) -> str:
    """The text without the secrets that stand in its lines. Where there are several, each has a number, so that one still sees
    which are the same: no digest, from which a word that people think of is soon guessed."""
    found = dict.fromkeys(map(_secret_of, _SECRET.finditer(text)))
    numbers = {secret: f", secret {number}" for number, secret in enumerate(found, 1)} if len(found) > 1 else {}

    def hide(match: re.Match[str]) -> str:
        return f"{match[1] or match[3]}(not shown{numbers.get(_secret_of(match), '')})"

    return _SECRET.sub(hide, text) if found else text


def _secret_of(match: re.Match[str]) -> str:
    return match[2] or match[4]
