"""What no difference shows: secrets in one line are hidden; and what only looks like one is shown."""

import base64
import random

import pytest

from firmware.store.confidential import hide_secrets, secret_kind
from firmware.store.textdiff import unified_diff

SECRET = "s3cr3t-W0rd"


@pytest.mark.parametrize(
    "line",
    [
        # haproxy
        "user admin password $5$abc${}",
        "user admin insecure-password {} groups ops",
        "    stats auth admin:{}",
        'stats auth "admin:{}"',
        "bind :443 ssl crt x ca-sign-file y ca-sign-pass {}",
        "dynamic-cookie-key {}",
        "cluster-secret {}",
        "setenv DB_PASSWORD {}",
        "presetenv API_TOKEN {}",
        'http-request set-header Authorization "Basic {}"',
        r"http-check send hdr Authorization Basic\ {}",
        'http-request set-header Authorization "Bearer {}"',
        r"tcp-check send AUTH\ {}\r\n",
        'http-request set-var(txn.ok) var(txn.t),jwt_verify(txn.alg,"{}")',
        "http-request set-var(txn.x) req.cook(x),hmac(sha256,{}),hex",
        "http-request set-var(txn.x) var(txn.y),aes_gcm_dec(128,txn.nonce,{},txn.tag)",
        "server x http://user:{}@192.0.2.1/",
        # snmpd, in config.rc and its own files
        "  community {}",
        "rocommunity {} 192.0.2.0/24",
        "rwcommunity6 {}",
        "trapcommunity {}",
        "com2sec local localhost {}",
        "com2sec -Cn ctx local default {}",
        "trapsink 192.0.2.9 {}",
        'createUser watch SHA "{}" AES other',
        "createUser watch SHA-256 other AES {}",
        # keepalived and others
        "    auth_pass {}",
        "password={}",
        "password = '{} and more'",
        "passphrase: {}",
        r"password with\ {}",
    ],
)
@pytest.mark.parametrize("mark", ["", "# "])
def test_a_secret_in_a_line_is_hidden_but_a_change_is_seen(line: str, mark: str) -> None:
    one, other = (f"a\n{mark}{line.format(word)}\n" for word in (SECRET, "another"))
    shown = unified_diff("/etc/haproxy/haproxy.cfg", one.encode(), other.encode())
    assert shown is not None
    assert SECRET not in shown and "another" not in shown
    gone, come = (line for line in shown.splitlines()[3:] if line[0] in "-+")
    assert "not shown" in gone and gone[1:] != come[1:]
    assert SECRET not in (unified_diff("/etc/config.rc", None, one.encode()) or "")


def test_what_stands_in_place_of_a_secret_is_not_made_of_it() -> None:
    """From a digest of it, a password is guessed; a number says no more than which are the same."""
    text = "user {} password {}\n" * 3
    texts = [text.format("a", one, "b", other, "c", one) for one, other in (("hunter2", "s3cret"), ("x1", "y2"))]
    shown = "user a password (not shown, secret 1)\nuser b password (not shown, secret 2)\nuser c password (not shown, secret 1)\n"
    assert [hide_secrets(each) for each in texts] == [shown, shown]
    assert {hide_secrets(f"password={word}\n") for word in ("hunter2", "x1")} == {"password=(not shown)\n"}


@pytest.mark.parametrize(
    "line",
    [
        "server one 192.0.2.1:80 check",
        "http-request auth realm staff if !ok",
        "http-request auth unless { http_auth(users) }",
        "stats uri /stats",
        "option httpchk GET http://www.example.com:80/",
        "bind :443 ssl crt /etc/haproxy/site.pem tls-ticket-keys /etc/haproxy/tickets",
        "  public_key hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=",
        "ssl-default-bind-ciphers ECDHE-ECDSA-AES128-GCM-SHA256",
        "userlist users",
        "stick-table type ip size 1m expire 30s store http_req_rate(10s)",
    ],
)
def test_what_is_no_secret_is_shown(line: str) -> None:
    assert hide_secrets(f"+{line}\n") == f"+{line}\n"


@pytest.mark.parametrize("size", [48, 80])
def test_keys_of_session_tickets_are_not_shown(size: int) -> None:
    keys = b"".join(base64.b64encode(random.Random(n).randbytes(size)) + b"\n" for n in range(3))
    for old, new in ((keys, None), (None, keys), (keys, keys[: len(keys) // 3]), (b"x\n", keys), (keys.rstrip(), b"")):
        assert unified_diff("/etc/haproxy/tickets", old, new) is None
        assert secret_kind("/etc/haproxy/tickets", old, new) == "keys of session tickets"


def test_digests_and_certificates_are_no_keys_of_session_tickets() -> None:
    digests = b"".join(b"%064x\n" % (n * 7**70) for n in range(1, 4))
    certificate = b"-----BEGIN CERTIFICATE-----\n" + b"MIIB" * 16 + b"\n-----END CERTIFICATE-----\n"
    for data in (digests, certificate, b"word\n" * 20):
        assert secret_kind("/etc/haproxy/list", data) == ""


def test_a_private_key_is_found_wherever_it_begins() -> None:
    """Also across the end of one of the pieces in which a file is looked at."""
    for start in range((1 << 16) - 40, (1 << 16) + 3):
        assert secret_kind("/etc/x", b"x" * start + b"-----BEGIN RSA PRIVATE KEY-----\n") == "private key"
