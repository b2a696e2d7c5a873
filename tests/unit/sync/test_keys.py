"""Keys: made by ssh-keygen, read by ssh-keygen, compared by people."""

import subprocess
from pathlib import Path

import pytest

from firmware.errors import Failure, Invalid
from firmware.sync import keys
from firmware.sync.settings import Settings

SETTINGS = Settings("10.32.0.11", "10.32.0.12", 1, 2)


def keygen(*words: str) -> str:
    return subprocess.run(["ssh-keygen", *words], check=True, capture_output=True, text=True).stdout


def test_generated_keys_are_private_and_known_to_ssh_keygen(tmp_path: Path) -> None:
    pair = keys.generate(1, tmp_path)
    for name, key in ((keys.HOST, pair.host), (keys.USER, pair.user)):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
        assert key.fingerprint in keygen("-l", "-f", str(tmp_path / f"{name}.pub"))
        assert keygen("-y", "-f", str(tmp_path / name)).split()[1] == key.blob
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [keys.HOST, keys.USER, f"{keys.HOST}.pub", f"{keys.USER}.pub"]
    )


def test_trusted_keys_are_read_by_stock_openssh(tmp_path: Path) -> None:
    (tmp_path / "peer").mkdir()
    peer = keys.generate(2, tmp_path / "peer")
    keys.store_peer_keys(SETTINGS, peer, tmp_path)
    for name in ("10.32.0.12", "[10.32.0.12]:30022", "node-2"):
        assert peer.host.blob in keygen("-F", name, "-f", str(tmp_path / keys.KNOWN_HOSTS))
    assert peer.user.fingerprint in keygen("-l", "-f", str(tmp_path / keys.AUTHORIZED))
    assert keys.stored_peer_keys(SETTINGS, tmp_path) == keys.StoredKeys(peer.host, peer.user)


def test_new_keys_replace_the_peers_and_leave_others(tmp_path: Path) -> None:
    for number in (2, 3, 4):
        (tmp_path / str(number)).mkdir()
    first, other, second = (keys.generate(node, tmp_path / str(at)) for node, at in ((2, 2), (3, 3), (2, 4)))
    keys.store_peer_keys(SETTINGS, first, tmp_path)
    keys.store_peer_keys(Settings("10.32.0.11", "10.32.0.13", 1, 3), other, tmp_path)
    keys.store_peer_keys(SETTINGS, second, tmp_path)
    assert keys.stored_peer_keys(SETTINGS, tmp_path) == keys.StoredKeys(second.host, second.user)
    assert keys.authorized_keys(tmp_path, 2) == [
        keys.AuthorizedKey(other.user, "node-3"),
        keys.AuthorizedKey(second.user, "node-2"),
    ]
    assert first.host.blob not in (tmp_path / keys.KNOWN_HOSTS).read_text()


def test_the_code_is_over_both_keys_and_forgives_how_it_is_read_aloud(tmp_path: Path) -> None:
    one = keys.generate(1, tmp_path)
    two = keys.PublicKeys(1, one.host, keys.generate(1, tmp_path).user)
    three = keys.PublicKeys(1, two.host, one.user)
    assert len({one.code, two.code}) == 2
    assert three.code == one.code
    assert keys.PublicKeys(1, one.user, one.host).code != one.code
    letters = one.code.replace("-", "")
    assert len(letters) * 5 >= 80
    assert set(letters) <= set(keys.CODE_LETTERS)
    assert keys.is_same_code(one.code, one.code.lower().replace("-", " ").replace("0", "o").replace("1", "l"))
    assert not keys.is_same_code(one.code, two.code)
    assert not keys.is_same_code(one.code, one.code[:-1])


def test_what_the_peer_says_of_its_keys_is_worked_out_anew(tmp_path: Path) -> None:
    pair = keys.generate(2, tmp_path)
    told = pair.json()
    told["code"] = "0000-0000-0000-0000"
    told["host"]["fingerprint"] = "SHA256:lies"
    assert keys.parse_public_keys(told, 2) == pair
    assert keys.parse_public_keys(told, 2).code == pair.code


@pytest.mark.parametrize(
    "key",
    ["ssh-ed25519 AAAA", "ssh-rsa AAAAB3NzaC1yc2E=", "ssh-ed25519", "", "ssh-ed25519 !!!", "ssh-ed25519 " + "A" * 68],
)
def test_no_other_kind_of_key(key: str) -> None:
    with pytest.raises(Failure):
        keys.parse_key(key)


def test_a_peer_with_another_number(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="calls itself node 2, but REMOTE_NODE is 3"):
        keys.parse_public_keys(keys.generate(2, tmp_path).json(), 3)


@pytest.mark.parametrize(
    "told", [{}, {"host": 1}, {"host": {"type": "x"}}, {"host": None, "user": None, "node": 2}, {"node": "2"}]
)
def test_nonsense_from_the_peer(told: dict[str, object]) -> None:
    with pytest.raises(Failure):
        keys.parse_public_keys(told, 2)


def test_options_before_a_key_in_csyncd_authorized(tmp_path: Path) -> None:
    pair = keys.generate(2, tmp_path)
    (tmp_path / keys.AUTHORIZED).write_text(f'# by hand\nno-pty,command="/bin/sh" {pair.user.line}\nrubbish\n')
    assert keys.authorized_keys(tmp_path, 2) == [keys.AuthorizedKey(pair.user, "node-2")]


def test_a_host_key_that_others_may_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    keys.require_private_host_key(tmp_path)
    key = tmp_path / keys.HOST
    key.write_text("secret")
    for mode in (0o644, 0o640, 0o604, 0o660):
        key.chmod(mode)
        with pytest.raises(Invalid, match=f"others may read this node's host key .mode {mode:04o}.") as caught:
            keys.require_private_host_key(tmp_path)
        assert caught.value.hint.startswith(f"chmod 600 {key}; ")
    key.chmod(0o600)
    keys.require_private_host_key(tmp_path)
