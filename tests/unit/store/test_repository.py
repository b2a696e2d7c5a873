"""The repository: which generations are whole, which are kept, the bounded journal."""

import directory_node
import pytest

from firmware.store import repository
from firmware.store.paths import Paths

pytestmark = pytest.mark.usefixtures("no_leftovers")


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
