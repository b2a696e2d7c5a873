"""The repository: which generations are whole, which are kept, the bounded journal."""

import directory_node
import pytest

from firmware.errors import Failure
from firmware.store import generations, repository
from firmware.store.paths import Paths

pytestmark = pytest.mark.usefixtures("no_leftovers", "ten_are_kept")


@pytest.fixture
def ten_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most, so that no test has to save more often."""
    monkeypatch.setattr(repository, "MOST_KEPT", 10)


def test_a_save_says_which_generations_it_took_away(node: Paths) -> None:
    notes = []
    for number in range(12):
        directory_node.write(node.in_etc("/etc/config.rc"), f"service haproxy\n# {number}\n")
        notes.append(directory_node.save(node).notes)
    gone = "no longer kept, for there are too many: generation "
    assert notes == [()] * 10 + [(f"{gone}1",), (f"{gone}2",)]


def test_how_many_are_kept_follows_the_room(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    room = [float("inf")]
    monkeypatch.setattr(repository, "MOST_KEPT", 30)
    monkeypatch.setattr(repository.flash, "total_bytes", lambda directory: room[0])
    for number in range(1, 16):
        directory_node.save_config(node, str(number))
    assert len(repository.numbers(node.repository)) == 15
    each = repository.path_of(node.repository, 1).stat().st_blocks * 512
    room[0] = 7.5 * each / repository.SHARE
    assert directory_node.save_config(node, "16") == 16
    assert repository.numbers(node.repository) == list(range(16, 9, -1))
    room[0] = 0  # they take more than their share by themselves
    directory_node.save_config(node, "17")
    assert repository.numbers(node.repository) == [17, 16]


def test_truncated_at_many_lengths(node: Paths) -> None:
    directory_node.save_config(node, "1")
    directory_node.save_config(node, "2")
    path = repository.path_of(node.repository, 2)
    whole = path.read_bytes()
    for length in range(0, len(whole), 61):
        path.write_bytes(whole[:length])
        assert [number for number, _ in repository.usable_generations(node.repository)] == [1], length


def test_the_oldest_go_but_the_last_good_ones_stay(node: Paths) -> None:
    for number in range(1, 14):
        directory_node.save_config(node, str(number))
    assert repository.numbers(node.repository) == list(range(13, 3, -1))
    for number in range(14, 30):
        repository.path_of(node.repository, number).write_bytes(b"damaged")
    repository.prune(node.repository)
    assert repository.numbers(node.repository) == [*range(29, 19, -1), 13, 12]
    assert directory_node.reboot(node).lines[0].startswith("restored generation 13 ")
    assert directory_node.save_config(node, "30") == 30
    assert repository.numbers(node.repository) == [*range(30, 20, -1), 13]


def save_as(node: Paths, who: str, number: int) -> int:
    directory_node.write(node.in_etc("/etc/config.rc"), f"service haproxy\n# {who} {number}\n")
    return generations.save(who=who, paths=node).generation.number


def test_saves_of_a_peer_replace_each_other_and_none_of_the_operators_own(node: Paths) -> None:
    for number in range(1, 11):
        assert save_as(node, "root", number) == number
    for number in range(11, 31):
        assert save_as(node, "node-2", number) == number
    assert repository.numbers(node.repository) == [30, 29, 28, 10, 9, 8, 7, 6, 5, 4]
    # The control: the operator's own do replace each other.
    assert save_as(node, "root", 31) == 31
    assert repository.numbers(node.repository) == [31, 30, 29, 28, 10, 9, 8, 7, 6, 5]


def test_a_peer_may_have_what_the_operator_does_not_use(node: Paths) -> None:
    save_as(node, "root", 1)
    for number in range(2, 20):
        save_as(node, "node-2", number)
    assert repository.numbers(node.repository) == [*range(19, 10, -1), 1]


def test_where_room_is_scarce_those_of_peers_go_first_and_two_of_the_operators_own_stay(
    node: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, who in enumerate(("root", "root", "root", "node-2", "node-2", "node-2"), 1):
        save_as(node, who, number)
    removed: list[int] = []
    monkeypatch.setattr(repository.flash, "missing_bytes", lambda directory, size: 1024)
    monkeypatch.setattr(
        "pathlib.Path.unlink", lambda path, missing_ok=False: removed.append(int(path.name.removesuffix(".tar")))
    )
    with pytest.raises(Failure, match="no room"):
        repository.make_room(node.repository, 1)
    assert removed == [4, 1]


def test_the_journal_is_bounded_and_survives_half_a_line(node: Paths) -> None:
    directory_node.save_config(node, "1")
    path = node.repository / "journal"
    with path.open("ab") as file:
        file.write(b'{"half')
    repository.append_journal(node.repository, "test", generation=1, who="x")
    assert path.read_bytes().splitlines()[-2] == b'{"half'
    path.write_bytes(b'{"old": 1}\n' * 30_000)
    repository.append_journal(node.repository, "test", generation=1, who="x")
    lines = path.read_bytes().splitlines()
    assert repository.JOURNAL_LIMIT / 2.1 < path.stat().st_size < repository.JOURNAL_LIMIT
    assert set(lines[:-1]) == {b'{"old": 1}'}


def test_files_on_flash_are_for_root_only(node: Paths) -> None:
    node.repository.mkdir(mode=0o755)
    directory_node.save_config(node, "1")
    assert node.repository.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in node.repository.iterdir()} == {
        "000001.tar": 0o600,
        "journal": 0o600,
    }
    assert node.saved_state.stat().st_mode & 0o777 == 0o600
