"""`config` and what it saves, on a real node: words, JSON, exit statuses, and what a reboot and a power cut leave."""

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from lab_driver import Lab, Result

CFG = "/etc/haproxy/haproxy.cfg"


@pytest.fixture
def node(lab: Lab) -> Iterator["Node"]:
    """Node 1 with nothing saved and the factory's /etc, and so again afterwards."""
    found = Node(lab)
    found.forget()
    yield found
    found.forget()


class Node:
    """Node 1 of a lab."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def config(self, *words: str, status: int = 0, stdin: str | bytes = b"") -> Result:
        """Run `config` and check its exit status."""
        done = self.lab.run(1, "config", *words, check=False, stdin=stdin)
        assert done.status == status, done
        return done

    def json(self, *words: str) -> Any:
        """What `config WORDS --json` prints."""
        return json.loads(self.config(*words, "--json").stdout)

    def sh(self, script: str, stdin: str | bytes = b"") -> str:
        """Run a script on the node."""
        return self.lab.run(1, "sh", "-ec", script, stdin=stdin).stdout

    def forget(self) -> None:
        """Remove what is saved, and go back to the factory."""
        self.sh("rm -rf /flash/config; config reset --yes; rm -rf /flash/config /run/firmware/saved/state.json")


def test_a_fresh_node_has_nothing_to_save(node: Node) -> None:
    assert node.config("restore", status=3).stderr.startswith(
        "config restore: nothing is saved, and nothing was changed\nhint: "
    )
    assert node.config("changes").stdout == ""
    assert node.config("changes", "-q").stdout == ""
    assert node.json("changes") == {"added": [], "changed": [], "removed": []}
    assert node.config("diff").stdout == ""
    assert node.json("history") == []
    assert "factory" in node.config("history").stderr
    assert node.config("export", "-", status=1).stderr.endswith("hint: config save\n")


def test_changes_in_words_json_and_status(node: Node) -> None:
    node.sh(
        f"echo '# x' >>{CFG}; rm /etc/hosts; mkdir '/etc/haproxy/a b'; touch '/etc/haproxy/new\nline'; touch /etc/x~"
    )
    done = node.config("changes")
    assert done.stdout.splitlines() == [
        "+ /etc/haproxy/a b", f"~ {CFG}", "+ /etc/haproxy/new\\nline", "- /etc/hosts",
    ]  # fmt: skip
    quiet = node.config("changes", "-q", status=1)
    assert (quiet.stdout, quiet.stderr) == ("", "")
    assert node.json("changes") == {
        "added": ["/etc/haproxy/a b", "/etc/haproxy/new\nline"], "changed": [CFG], "removed": ["/etc/hosts"],
    }  # fmt: skip


def test_what_a_save_makes_readable_for_a_service_is_saved_so(node: Node) -> None:
    node.sh("umask 077; echo key >/etc/haproxy/site.key")
    assert node.sh("stat -c '%a %G' /etc/haproxy/site.key") == "600 root\n"
    assert "saved generation 1: 1 added" in node.config("save", "-m", "a key").stdout
    assert node.sh("stat -c '%a %G' /etc/haproxy/site.key") == "640 haproxy\n"
    node.config("changes", "-q")
    assert node.config("diff").stdout == ""


def test_save_history_and_the_digest_that_others_can_check(node: Node) -> None:
    node.sh(f"echo '# one' >>{CFG}")
    done = node.config("save", "-m", "the first")
    digest = done.stdout.rpartition("(")[2].rstrip(")\n")
    assert done.stdout == f"saved generation 1: 0 added, 1 changed, 0 removed ({digest})\n"
    body = node.sh("head -c -2048 /flash/config/000001.tar | sha256sum").split()[0]
    assert digest == f"sha256:{body}" == "sha256:" + node.sh("tar -xOf /flash/config/000001.tar SHA256").strip()
    assert "# one" in node.sh("tar -xOf /flash/config/000001.tar etc/haproxy/haproxy.cfg")
    assert node.config("changes", "-q").status == 0
    node.sh(f"echo '# two' >>{CFG}; rm /etc/hosts")
    told = node.json("save", "-m", "the second")
    assert {
        "generation": 2,
        "message": "the second",
        "added": [],
        "changed": [CFG],
        "removed": ["/etc/hosts"],
    }.items() <= told.items()
    assert told["fresh"] is True
    again = node.config("save", "-m", "a third")
    assert again.stdout == f"nothing to save: generation 2 has it all ({told['digest']})\n"
    assert "note: there was nothing to save, so the message is kept nowhere\n" in again.stderr
    found = node.json("history")
    assert [(one["generation"], one["message"], one["current"], one["verified"]) for one in found] == [
        (2, "the second", True, True), (1, "the first", False, True),
    ]  # fmt: skip
    assert found[1]["digest"] == digest
    assert found[0]["who"] == "root"
    assert [one["running"] for one in found] == [True, False]
    newest, oldest = node.config("history").stdout.splitlines()
    assert newest.startswith("*>   2  ") and oldest.startswith("     1  ")
    assert f"  root  {found[0]['digest'].removeprefix('sha256:')[:12]}  the second" in newest
    assert [one["path"] for one in node.json("diff", "1", "2")] == [one["path"] for one in node.json("diff", "1")]


def test_only_what_was_saved_survives_a_reboot_and_a_power_cut(node: Node) -> None:
    node.sh(f"echo '# kept' >>{CFG}; rm /etc/shells; chmod 0640 {CFG}; ln -s nowhere /etc/link")
    node.config("save")
    node.sh(f"echo '# lost' >>{CFG}; touch /etc/lost")
    for way in (node.lab.reboot, node.lab.cut):
        way(1)
        assert node.lab.read(1, CFG).splitlines()[-1] == "# kept"
        assert node.sh(f"stat -c %a {CFG}; readlink /etc/link; ls /etc/shells /etc/lost 2>&1 || true").splitlines()[
            :2
        ] == ["640", "nowhere"]
        assert node.sh("ls /etc").split().count("shells") == 0
        assert node.sh("ls /etc").split().count("lost") == 0
        assert node.config("changes").stdout == ""


def test_a_power_cut_right_after_the_save(node: Node) -> None:
    node.sh(f"echo '# quick' >>{CFG}")
    node.config("save")
    node.lab.cut(1)
    assert node.lab.read(1, CFG).splitlines()[-1] == "# quick"


def test_a_damaged_generation_is_passed_over_at_boot(node: Node) -> None:
    for text in ("one", "two"):
        node.sh(f"echo '# {text}' >>{CFG}")
        node.config("save")
    node.sh("printf X | dd of=/flash/config/000002.tar bs=1 seek=700 conv=notrunc 2>/dev/null")
    node.lab.reboot(1)
    assert node.lab.read(1, CFG).splitlines()[-1] == "# one"
    done = node.config("restore", status=1)
    assert done.stdout.startswith("restored generation 1 of 20")
    assert done.stderr == (
        "config restore: generation 2 is damaged: its SHA-256 does not match\n"
        "config restore: NOT THE NEWEST: what is below /etc now is generation 1, an OLDER one\n"
    )
    assert "damaged" in node.config("history").stdout
    assert [one["verified"] for one in node.json("history")] == [False, True]
    failed = [line for line in node.lab.run(1, "csync", "check", check=False).stdout.splitlines() if "FAILED" in line]
    assert failed[0].startswith("FAILED  a reboot brings back what was saved last: generation 2"), failed
    assert "csyncd.cfg" in failed[1], "the control: said though csyncd.cfg is not complete"
    assert json.loads(node.lab.run(1, "csync", "status", "--json").stdout)["reasons"][0].startswith("generation 2")


@pytest.mark.parametrize("damage", ["echo garbage >$f", "rm $f", "printf x | dd of=$f bs=1 seek=2000 conv=notrunc"])
def test_changes_knows_what_became_of_what_was_saved(node: Node, damage: str) -> None:
    node.sh("echo '# saved' >>/etc/haproxy/haproxy.cfg")
    node.config("save")
    node.config("changes", "-q")
    node.sh(f"f=$(ls /flash/config/*.tar); {damage}")
    node.config("changes", "-q", status=1)
    assert CFG in node.json("changes")["changed"]


NEWER = """
from firmware.store import archive
label = archive.Label(1, "2030-01-01T00:00:00Z", "", "9.0", "x", 2)
open("/flash/config/000002.tar", "wb").write(archive.build(label, archive.Draft({}, {}, ())))
"""


def test_a_generation_of_a_newer_firmware_is_said_to_be_newer_and_stays(node: Node) -> None:
    node.sh("echo '# mine' >>/etc/config.rc")
    node.config("save", "-m", "ours")
    keys = node.json("history")[0].keys()
    node.lab.run(1, "python3", "-c", NEWER)
    words = "written by a newer firmware (format 2; this one reads up to 1)"
    newer, ours = node.config("history").stdout.splitlines()
    assert newer == f"     2  {words}"
    assert ours.startswith("*>   1  ") and ours.endswith("ours")
    found = node.json("history")
    assert [(one["generation"], one["current"], one["verified"], one["problem"]) for one in found] == [
        (2, False, False, words), (1, True, True, ""),
    ]  # fmt: skip
    assert found[0].keys() == keys
    for verb in ("rollback", "diff"):
        said = node.config(verb, "2", status=1).stderr
        assert said == f"config {verb}: generation 2: {words}\nhint: upgrade the firmware of this node\n"
    said = node.config("import", "/flash/config/000002.tar", status=3).stderr
    assert "newer firmware" in said and "damaged" not in said
    said = node.config("restore", status=1)
    assert said.stdout.startswith("restored generation 1 ")
    assert said.stderr.startswith(f"config restore: generation 2: {words}\nconfig restore: NOT THE NEWEST: ")
    for number in range(2):
        node.sh(f"echo '# {number}' >>/etc/config.rc; config save")
    assert [one["generation"] for one in node.json("history")] == [4, 3, 2, 1]


def test_diff(node: Node) -> None:
    node.config("save")
    node.sh("""
        printf 'global\\n' >/etc/haproxy/haproxy.cfg
        printf -- '-----BEGIN PRIVATE KEY-----\\nc2VjcmV0\\n' >/etc/haproxy/site.pem
        printf '\\0' >/etc/haproxy/blob; chmod 600 /etc/hosts; ln -s a /etc/link; rm /etc/shells
        printf 'private_key c2VjcmV0c2VjcmV0\\n' >/etc/keys
    """)
    for base in ((), ("saved",), ("factory",), ("1",)):
        done = node.config("diff", *base).stdout
        assert f"--- a{CFG}\n+++ b{CFG}\n@@ " in done
        assert "binary files differ: /etc/haproxy/blob\n" in done
        assert "private key, not shown: /etc/haproxy/site.pem\n" in done
        assert "/etc/hosts: mode 0644 before, now 0600\n" in done
        assert "--- a/etc/shells\n+++ /dev/null\n" in done
        assert "/etc/link: added, a symbolic link" in done
        assert "c2Vjc" not in done
    found = {one["path"]: one for one in node.json("diff")}
    assert found["/etc/haproxy/site.pem"]["diff"] is None
    assert found[CFG]["change"] == "changed"
    node.config("save")
    assert node.config("diff").stdout == ""
    assert node.config("diff", "1").stdout != ""
    for wrong, status in (("7", 1), ("nonsense", 2), ("0", 2)):
        assert node.config("diff", wrong, status=status).stdout == ""


def test_rollback(node: Node) -> None:
    for text in ("one", "two"):
        node.sh(f"echo '# {text}' >>{CFG}; touch /etc/haproxy/{text}")
        node.config("save")
    done = node.config("rollback", "1")
    assert done.stdout == "generation 1 is below /etc: 0 added, 1 changed, 1 removed\n"
    assert "config save" in done.stderr
    assert node.lab.read(1, CFG).splitlines()[-1] == "# one"
    assert node.config("changes").stdout.splitlines() == [f"~ {CFG}", "- /etc/haproxy/two"]
    node.config("save", "-m", "back again")
    node.lab.reboot(1)
    assert node.lab.read(1, CFG).splitlines()[-1] == "# one"
    for wrong, status in (("9", 1), ("x", 2), ("-1", 2)):
        node.config("rollback", wrong, status=status)
    journal = [json.loads(line) for line in node.sh("cat /flash/config/journal").splitlines()]
    assert [line["what"] for line in journal] == ["save", "save", "rollback", "save"]


def test_restore_says_what_it_threw_away(node: Node) -> None:
    node.config("save")
    node.sh(f"echo '# unsaved' >>{CFG}")
    done = node.config("restore")
    assert node.config("changes", "-q").status == 0
    assert f"what no generation has is below /etc no more: {CFG}; until the next reboot it is in " in done.stderr
    place = done.stderr.splitlines()[0].rpartition(" ")[2]
    assert node.sh(f"tail -1 {place}/haproxy/haproxy.cfg") == "# unsaved\n"
    # What some generation has can be put back, and nobody is warned of it.
    node.sh(f"echo '# saved' >>{CFG}")
    node.config("save")
    for _ in range(2):
        assert "no generation has" not in node.config("rollback", "1").stderr + node.config("restore").stderr


def test_what_is_saved_and_put_back_by_hand_is_in_the_trail(node: Node) -> None:
    """With who did it, and with what was refused."""
    node.config("save", "-m", "the first")
    node.config("save")
    node.config("rollback", "1")
    node.config("rollback", "9", status=1)
    node.config("restore")
    node.sh("config export /tmp/saved.tar")
    node.config("import", "/tmp/saved.tar")
    node.config("import", CFG, status=3)
    node.config("reset", "--yes")
    found = json.loads(node.sh("csync log --json"))[-8:]
    assert [(line["event"], line["result"], line.get("generation")) for line in found] == [
        ("save", "saved", 1), ("save", "unchanged", 1), ("rollback", "done", 1), ("rollback", "failed", 9),
        ("restore", "done", 1), ("import", "saved", 2), ("import", "refused", None), ("reset", "done", 3),
    ]  # fmt: skip
    assert {line["who"] for line in found} == {"root"} and found[0]["message"] == "the first"
    assert found[0]["digest"].startswith("sha256:") and "it is no export of one" in found[6]["message"]
    assert "save              saved        by root" in node.sh("csync log")


def test_export_and_import(node: Node) -> None:
    node.sh(f"echo '# exported' >>{CFG}")
    node.config("save", "-m", "to be exported")
    node.sh("touch /etc/unsaved")
    done = node.config("export", "/tmp/saved.tar")
    assert "note: not in it: 1 unsaved path below /etc" in done.stderr
    assert node.sh("stat -c %a /tmp/saved.tar").strip() == "600"
    raw = node.lab.nodes("exec", "1", "config", "export", "-").stdout
    assert raw.encode("utf-8", "surrogateescape") == node.sh("cat /tmp/saved.tar").encode("utf-8", "surrogateescape")
    node.sh("cat >/tmp/copy.tar", stdin=raw)
    assert "PRIVATE KEY" not in raw and "with secrets, such as private keys" in done.stderr
    node.config("export", "/tmp/all", "--secrets", stdin="too short\n", status=3)
    assert node.config("export", "/tmp/all", "--secrets", stdin="correct horse battery\n").stdout == ""
    assert node.config("import", "/tmp/all", stdin="another passphrase\n", status=3).stdout == ""
    assert node.config("import", "/tmp/all", stdin="correct horse battery\n").stdout.startswith(
        "saved generation 2: 0 added"
    )
    old, new = (f"tar -xOf /flash/config/00000{number}.tar --wildcards 'etc/*' | sha256sum" for number in (1, 2))
    assert node.sh(old) == node.sh(new)
    node.forget()
    taken = node.config("import", "/tmp/saved.tar")
    assert taken.stdout.startswith("saved generation 1: 0 added, 1 changed, 0 removed")
    assert "/etc is as it was" in taken.stderr and "a save before a restore or a reboot would" in taken.stderr
    assert "# exported" not in node.lab.read(1, CFG)
    assert node.config("changes").stdout == f"~ {CFG}\n"
    node.lab.reboot(1)
    assert "# exported" in node.lab.read(1, CFG)
    node.sh("head -c 5000 /dev/urandom >/tmp/bad.tar")
    refused = node.config("import", "/tmp/bad.tar", status=3)
    assert "not a configuration that can be taken" in refused.stderr
    assert "none.tar: No such file" in node.config("import", "/tmp/none.tar", status=1).stderr
    assert node.config("import", "-", status=3, stdin=b"").stdout == ""
    assert [one["generation"] for one in node.json("history")] == [1]
    node.sh("rm -f /tmp/*.tar /tmp/all")


def test_the_other_nodes_export_is_taken_by_force_alone(node: Node) -> None:
    for number, other in ((1, 2), (2, 1)):
        text = f"LOCAL_IP=10.32.0.1{number}\nREMOTE_IP=10.32.0.1{other}\nLOCAL_NODE={number}\nREMOTE_NODE={other}\n"
        node.lab.write(number, "/etc/csyncd/csyncd.cfg", text)
    node.lab.run(2, "sh", "-c", "mkdir /etc/ssh/authorized_keys; echo key >/etc/ssh/authorized_keys/root; config save")
    there = node.lab.nodes("exec", "2", "config", "export", "-").stdout
    node.lab.run(2, "sh", "-c", "config reset --yes; rm -rf /flash/config")
    node.config("save")
    refused = node.config("import", "-", status=3, stdin=there)
    assert refused.stderr == (
        "config import: this is node 2's configuration, and this is node 1: with its keys, its csyncd.cfg and its addresses, "
        "this node would be its twin\nhint: config import FILE --force takes it in spite of that\n"
    )
    assert len(node.json("history")) == 1
    taken = node.config("import", "-", "--force", stdin=there)
    assert "note: who may log in: /etc/ssh/authorized_keys/root: added" in taken.stderr
    node.sh("config export /tmp/own.tar; config import /tmp/own.tar --force; rm /tmp/own.tar")


def test_reset(node: Node) -> None:
    node.sh(f"echo '# mine' >>{CFG}; touch /etc/mine")
    node.config("save")
    refused = node.config("reset", status=3)
    assert refused.stderr.splitlines()[-1] == "hint: config reset --yes"
    assert node.sh("ls /etc/mine").strip() == "/etc/mine"
    done = node.config("reset", "--yes")
    assert done.stdout.startswith("/etc is as the factory made it: 0 added, 1 changed, ")
    assert done.stdout.endswith(" removed; saved as generation 2\n")
    assert node.config("changes").stdout == ""
    node.lab.cut(1)
    assert "# mine" not in node.lab.read(1, CFG)
    node.config("rollback", "1")
    assert "# mine" in node.lab.read(1, CFG)


@pytest.mark.parametrize(("word", "status"), [("yes", 3), ("", 3), ("Yes", 0)])
def test_reset_on_a_terminal_asks_for_the_exact_word(node: Node, word: str, status: int) -> None:
    node.sh("touch /etc/mine")
    main, other = pty.openpty()
    argv = node.lab._argv("exec", "1", "config", "reset")
    process = subprocess.Popen(argv, stdin=other, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    os.write(main, f"{word}\n".encode())
    _, words = process.communicate(timeout=200)
    os.close(main)
    os.close(other)
    assert process.returncode == status, words
    assert (b"nothing was changed" in words) == (status == 3)
    assert node.sh("ls /etc").split().count("mine") == (status == 3)


def test_what_cannot_be_saved(node: Node) -> None:
    node.sh("echo 'service good' >/etc/config.rc")
    node.config("save")
    node.sh(": >/etc/config.rc")
    assert "config.rc" in node.config("save", status=3).stderr
    node.sh("printf 'service haproxy\\n  bin \"x\\n' >/etc/config.rc")
    assert node.config("save", status=4).stderr.startswith("/etc/config.rc:2: ")
    node.sh("echo nonsense >/etc/firmware/save.rules; echo 'service good' >/etc/config.rc")
    assert node.config("save", status=4).stderr.startswith("/etc/firmware/save.rules:1: ")
    assert [one["generation"] for one in node.json("history")] == [1]


def test_a_flash_that_is_full(node: Node) -> None:
    node.sh(f"echo '# good' >>{CFG}")
    node.config("save")
    node.sh("mount -t tmpfs -o size=2m none /flash; mkdir /flash/config")
    try:
        node.config("save", "-m", "onto the small one")
        node.sh(f"echo '# bad' >>{CFG}; head -c 3000000 /dev/urandom >/etc/haproxy/large")
        done = node.config("save", status=1)
        assert done.stderr.startswith("config save: /flash/config: no room: ")
        assert [one["message"] for one in node.json("history")] == ["onto the small one"]
    finally:
        node.sh("umount /flash; rm -f /run/firmware/saved/state.json")
    assert node.config("restore").stdout.startswith("restored generation 1 ")


@pytest.mark.parametrize(
    "words",
    [
        ("save", "extra"), ("save", "-x"), ("save", "-m"), ("save", "-m", "x" * 501), ("history", "1"), ("rollback",),
        ("rollback", "1", "2"), ("restore", "1"), ("export",), ("import",), ("reset", "now"), ("diff", "1", "2", "3"), ("changes", "/etc"),
    ],
)  # fmt: skip
def test_wrong_words(node: Node, words: tuple[str, ...]) -> None:
    done = node.config(*words, status=2)
    assert done.stderr.startswith(f"config {words[0]}: ")
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_names_that_are_no_text_survive(node: Node) -> None:
    odd = b"/etc/haproxy/\xff \x01 "
    node.lab.run(1, "touch", odd)
    assert node.config("changes").stdout == "+ /etc/haproxy/\\377 \\x01 \n"
    assert node.json("changes")["added"] == ["/etc/haproxy/\udcff \x01 "]
    node.config("save", "-m", os.fsdecode(b"m\xff"))
    assert "\\377" in node.config("history").stdout
    node.lab.reboot(1)
    assert node.lab.run(1, "stat", "-c", "%s", odd).stdout == "0\n"


def test_changes_is_quick(node: Node) -> None:
    """It is asked after every change; hashing a thousand files must not be felt."""
    node.sh("mkdir /etc/many; for i in $(seq 1000); do echo $i >/etc/many/$i; done")
    node.config("save")
    script = "import time; from firmware.store import changes; s = time.process_time(); changes.unsaved_changes(); print(time.process_time() - s)"
    assert float(node.lab.run(1, "python3", "-c", script).stdout) < 0.5


def test_what_is_too_large_is_refused_before_it_lies_in_memory(node: Node) -> None:
    measured = "import resource as r, subprocess as s; s.run(['config', 'save']); print(r.getrusage(r.RUSAGE_CHILDREN).ru_maxrss)"
    node.sh("truncate -s 300M /etc/haproxy/huge")
    try:
        said = node.lab.run(1, "python3", "-c", measured)
        assert "config save: too much to be saved: 4 paths, 300.0 MiB; at most" in said.stderr
        assert int(said.stdout) < 100_000, "KiB"
        assert node.json("history") == []
    finally:
        node.sh("rm /etc/haproxy/huge")


def test_a_save_that_memory_is_too_small_for_is_refused_with_the_largest_file(node: Node) -> None:
    small = "from firmware.store import capture; capture.available_memory = lambda: 100 << 20; from firmware.__main__ import main; main(['config', 'save'])"
    node.sh("truncate -s 30M /etc/haproxy/core")
    try:
        said = node.lab.run(1, "python3", "-c", small, check=False).stderr
        assert "too much to be saved: 30.0 MiB take 4 times as much memory, and 100 MiB are free" in said
        assert "the largest is /etc/haproxy/core, 30.0 MiB\nhint: config changes" in said
        assert node.json("history") == []
    finally:
        node.sh("rm /etc/haproxy/core")


def test_a_save_takes_three_times_its_size_in_memory_and_no_more(node: Node) -> None:
    measured = "import resource as r, subprocess as s, sys; s.run(['config', *sys.argv[1:]], stdout=2); print(r.getrusage(r.RUSAGE_CHILDREN).ru_maxrss)"
    little = int(node.lab.run(1, "python3", "-c", measured, "save").stdout)
    node.sh("head -c 20971521 /dev/urandom >/etc/haproxy/large")
    try:
        much = int(node.lab.run(1, "python3", "-c", measured, "save").stdout)
        assert (much - little) / (20 << 10) < 3.4
    finally:
        node.sh("rm /etc/haproxy/large")


def test_a_save_says_which_services_were_never_tried_like_that(node: Node) -> None:
    node.sh("service haproxy apply; echo '# not tried' >>/etc/haproxy/haproxy.cfg")
    said = node.config("save").stderr
    assert said == "note: service haproxy: saved with what has not been applied (service haproxy apply)\n"
    node.sh("echo 'nonsense' >>/etc/haproxy/haproxy.cfg")
    said = node.config("save").stderr
    assert said.startswith("note: service haproxy: saved with what is invalid: /etc/haproxy/haproxy.cfg:")
    assert "'nonsense'" in said and said.endswith(": at a boot, it will not start (service haproxy check)\n")
    node.sh("sed -i '$ d' /etc/haproxy/haproxy.cfg; sed -i '$ d' /etc/haproxy/haproxy.cfg")
    assert node.config("save").stderr == ""


def test_a_save_says_what_is_not_as_it_was_meant(node: Node) -> None:
    node.sh("echo 'bogus word' >>/etc/config.rc; mkfifo '/etc/haproxy/a pipe' /etc/haproxy/b")
    try:
        said = node.config("save").stderr
        assert "note: /etc/config.rc:" in said and "unknown directive" in said and "(config check)" in said
        assert "note: not saved: /etc/haproxy/a pipe and 1 more: neither file, directory nor link\n" in said
        assert node.json("save")["notes"] == [line.removeprefix("note: ") for line in said.splitlines()]
    finally:
        node.sh("rm '/etc/haproxy/a pipe' /etc/haproxy/b")
    node.forget()
    node.sh("service haproxy apply; echo '# mine' >>/etc/config.rc")
    assert node.config("save").stderr == ""


def test_an_export_that_cannot_be_written_names_the_file_that_was_asked_for(node: Node) -> None:
    node.sh("echo >/etc/haproxy/new")
    node.config("save")
    assert node.config("export", "/etc", status=1).stderr.startswith("config export: /etc: it is a directory\n")
    assert node.config("export", "/no/such/a.tar", status=1).stderr.startswith("config export: /no/such/a.tar: No such")


ALL_OF_ETC = "find /etc -type f -exec sha256sum {} + | sort; find /etc -printf '%p %u %g %m\\n' | sort"
PAIR = """
for name in site other; do
    openssl req -x509 -newkey ed25519 -nodes -subj /CN=$name -keyout /tmp/$name.key -out /tmp/$name.pem 2>/dev/null
done
cd /etc/haproxy
cp /tmp/site.pem site.pem
cp /tmp/site.key site.pem.key
printf 'defaults\\n mode http\\n timeout client 9s\\n timeout server 9s\\n timeout connect 9s\\n' >haproxy.cfg
printf 'frontend x\\n bind :8443 ssl crt /etc/haproxy/site.pem\\n' >>haproxy.cfg
"""


@pytest.mark.all
def test_an_import_says_what_of_it_a_boot_would_not_start(node: Node) -> None:
    """A certificate whose key is another one by now, and a config.rc with a slip; nothing of what is right."""
    node.sh(PAIR)
    node.config("save")
    node.sh(
        "config export /tmp/saved.tar; cp /tmp/other.pem /etc/haproxy/site.pem; cp /tmp/other.key /etc/haproxy/site.pem.key"
    )
    node.config("save")
    before = node.sh(ALL_OF_ETC)
    said = node.config("import", "/tmp/saved.tar").stderr
    assert node.sh(ALL_OF_ETC) == before
    assert "note: service haproxy: what is imported is invalid: /etc/haproxy/haproxy.cfg:7: " in said
    assert "at a boot, it will not start" in said
    node.config("rollback", "2")
    node.sh("echo 'bogus line' >>/etc/config.rc")
    node.config("save")
    node.sh("config export /tmp/bogus.tar")
    said = node.config("import", "/tmp/bogus.tar").stderr
    assert "unknown directive" in said and "what is wrong there may not start" in said and "is invalid" not in said
    assert not node.sh("ls /run/firmware | grep import || true")
