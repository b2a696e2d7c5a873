"""What differs from what is saved, for those who only look."""

import directory_node
import pytest

from firmware.store import changes, generations, rules
from firmware.store.paths import Paths

pytestmark = pytest.mark.usefixtures("no_leftovers")


def test_password_hashes_are_in_no_difference(node: Paths) -> None:
    directory_node.write(node.factory / "shadow", "root:$6$old:1::::::\n", 0o600)
    directory_node.write(node.etc / "shadow", "root:$6$new:1::::::\n", 0o600)
    (found,) = changes.differences(None, paths=node)
    assert (found.diff, found.text) == (None, "password hashes, not shown: /etc/shadow\n")


def test_a_difference_says_where_links_lead(node: Paths) -> None:
    (node.etc / "zone").unlink()
    (node.etc / "zone").symlink_to("/usr/share/zoneinfo/Europe/Paris")
    (node.etc / "new").symlink_to("a\nb")
    saved = "/etc/zone: the link led to /usr/share/zoneinfo/UTC, now to /usr/share/zoneinfo/Europe/Paris"

    def say_all(found: list[changes.Difference]) -> list[str]:
        return [line.split(", mode")[0] for one in found for line in one.about]

    expected = ["/etc/new: added, a symbolic link to a\\nb", saved]
    assert say_all(changes.differences(None, paths=node)) == expected
    directory_node.save(node)
    newest = generations.load_current(paths=node)
    assert say_all(changes.differences_between(None, newest, paths=node)) == expected
    removed = say_all(changes.differences_between(newest, None, paths=node))[0]
    assert removed == "/etc/new: removed, a symbolic link to a\\nb"


def test_a_scan_that_somebody_has_already_is_used(node: Paths) -> None:
    directory_node.save(node)
    directory_node.write(node.etc / "mtab", "x")
    live = dict(directory_node.whole(node))
    directory_node.write(node.etc / "later", "x")
    assert changes.unsaved_changes(live=live, paths=node).paths == ()
    del live["/etc/hosts"]
    assert changes.unsaved_changes(live=live, paths=node).removed == ("/etc/hosts",)


def test_broken_rules_do_not_break_the_watchers(node: Paths) -> None:
    directory_node.save(node)
    directory_node.write(node.in_etc(rules.FILE), "nonsense\n")
    assert changes.unsaved_changes(paths=node).changed == (rules.FILE,)
