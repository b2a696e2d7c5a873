"""The main job, played on two real nodes in the order of the user's document, with the time that each step took.

Run by `make -f image.mk lab`. Every step is a command that an operator would type; the story ends at the first that does
not do what it should, and its exit status is 0 only if all of it held.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

NODES = Path(__file__).with_name("nodes")
ADDRESSES = {1: "10.32.0.11", 2: "10.32.0.12"}


def page(text: str, port: int = 8080) -> str:
    """A haproxy.cfg that answers every request on that port with `text`."""
    return f"""\
global
    log /dev/log local0
    maxconn 1000

defaults
    mode http
    log global
    timeout connect 5s
    timeout client 30s
    timeout server 30s

frontend web
    bind :{port}
    http-request return status 200 content-type text/plain string "{text}"
"""


class Broken(Exception):
    """A step did not do what it should."""


@dataclass
class Stage:
    """The nodes on which a story is played, and how its steps are told."""

    options: list[str]
    tell: Callable[[str], None] = print
    began: float = field(default_factory=time.monotonic)

    def nodes(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run `tests/lab/nodes`."""
        return subprocess.run([str(NODES), *self.options, *words], input=stdin, capture_output=True, text=True)

    def on(self, node: int, *command: str, stdin: str = "", expect: int = 0) -> str:
        """Run a command on a node, and hold it to its exit status. Returns all that it said."""
        done = self.nodes("exec", str(node), *command, stdin=stdin)
        if done.returncode != expect:
            raise Broken(
                f"node {node}: {' '.join(command)}: exit status {done.returncode}, not {expect}\n{done.stdout}{done.stderr}"
            )
        return done.stdout + done.stderr

    def step(self, text: str, *actions: Callable[[], object]) -> None:
        """Play one step and tell what it was and how long it took."""
        start = time.monotonic()
        for action in actions:
            action()
        self.tell(f"{time.monotonic() - self.began:7.1f} s  {text}  ({time.monotonic() - start:.2f} s)")

    def write(self, node: int, path: str, text: str) -> None:
        """Write a file on a node, as an editor would."""
        self.on(node, "sh", "-c", f"cat > {path}", stdin=text)

    def served(self, node: int, want: str, port: int = 8080) -> None:
        """Hold haproxy on a node to what it answers over a real connection."""
        address = ADDRESSES[node]
        got = self.on(
            node,
            "python3",
            "-c",
            f"import urllib.request as u; print(u.urlopen('http://{address}:{port}/', timeout=5).read().decode())",
        )
        if got.strip() != want:
            raise Broken(f"node {node}: haproxy answers {got.strip()!r}, not {want!r}")

    def status(self, node: int, want: str, within: float = 5.0) -> dict[str, object]:
        """Hold a node to the state of the pair that it shows."""
        deadline = time.monotonic() + within
        while True:
            report: dict[str, object] = json.loads(self.on(node, "csync", "status", "--json"))
            if report["state"] == want:
                return report
            if time.monotonic() > deadline:
                raise Broken(f"node {node}: the state is {report['state']}, not {want}: {report['reasons']}")
            time.sleep(0.2)


def settings(node: int) -> str:
    """The csyncd.cfg of a node, as in the document."""
    other = 3 - node
    return f"LOCAL_IP={ADDRESSES[node]}\nREMOTE_IP={ADDRESSES[other]}\nLOCAL_NODE={node}\nREMOTE_NODE={other}\n"


def enable(stage: Stage) -> None:
    """Enable the csyncd service, on each node."""
    for node in (1, 2):
        stage.step(
            f"node {node}: csyncd.cfg filled in, `no autostart` taken away, saved",
            lambda node=node: stage.write(node, "/etc/csyncd/csyncd.cfg", settings(node)),
            lambda node=node: stage.on(node, "config", "set", "csyncd", "autostart", "on"),
            lambda node=node: stage.on(node, "config", "save", "-m", "csyncd enabled"),
        )


def exchange_keys(stage: Stage) -> None:
    """Exchange SSH keys, in the document's order."""
    for node in (1, 2):
        stage.step(
            f"node {node}: csyncd is stopped, genkey",
            lambda node=node: stage.on(node, "service", "csyncd", "stop"),
            lambda node=node: stage.on(node, "csync", "genkey"),
        )
    for node in (1, 2):
        code = json.loads(stage.on(3 - node, "csync", "keys", "--json"))["code"]
        stage.step(
            f"node {node}: getkey with node {3 - node}'s code {code}, start csyncd, save",
            lambda node=node, code=code: stage.on(node, "csync", "getkey", "--code", code),
            lambda node=node: stage.on(node, "service", "csyncd", "start"),
            lambda node=node: stage.on(node, "config", "save", "-m", "keys exchanged"),
        )


def edit_and_push(stage: Stage, node: int, text: str) -> None:
    """Edit haproxy.cfg on a node, test it there, push it to the other."""
    other = 3 - node
    stage.step(
        f"node {node}: haproxy.cfg edited and applied; it serves {text!r}",
        lambda: stage.write(node, "/etc/haproxy/haproxy.cfg", page(text)),
        lambda: stage.on(node, "service", "haproxy", "apply"),
        lambda: stage.served(node, text),
    )
    stage.step(
        f"node {node}: csync diff haproxy",
        lambda: _holds(
            stage.on(node, "csync", "diff", "haproxy"),
            f'+    http-request return status 200 content-type text/plain string "{text}"',
        ),
    )
    stage.step(f"node {node}: csync push haproxy", lambda: stage.on(node, "csync", "push", "haproxy"))
    stage.step(
        f"node {other}: serves it; the state on node {node} is orange (not saved there)",
        lambda: stage.served(other, text),
        lambda: stage.status(node, "orange"),
    )


def save_and_reboot(stage: Stage, text: str) -> None:
    """Save on both, from node 1; reboot both; it is still there."""
    stage.step(
        "node 1: csync save, the remote one, and config save",
        lambda: stage.on(1, "csync", "save"),
        lambda: stage.on(1, "config", "save"),
    )
    stage.step("node 1: the state is green", lambda: stage.status(1, "green"))
    for node in (1, 2):
        stage.step(
            f"node {node}: rebooted; /etc, /run and all processes were gone",
            lambda node=node: stage.nodes("reboot", str(node)).check_returncode(),
        )
    stage.step("node 2: haproxy serves what was pushed", lambda: stage.served(2, text))
    stage.step("node 1: the state is green", lambda: stage.status(1, "green", 15))


def refusals(stage: Stage) -> None:
    """What must not go through does not."""
    before = stage.on(2, "sha256sum", "/etc/haproxy/haproxy.cfg")
    stage.step(
        "node 1: an invalid haproxy.cfg is refused by its own apply, and so by push",
        lambda: stage.write(1, "/etc/haproxy/haproxy.cfg", page("broken").replace("bind", "bimd")),
        lambda: stage.on(1, "service", "haproxy", "apply", expect=4),
        lambda: stage.on(1, "csync", "push", "haproxy", expect=3),
        lambda: _same(stage.on(2, "sha256sum", "/etc/haproxy/haproxy.cfg"), before),
        lambda: stage.on(1, "service", "haproxy", "revert"),
    )
    stage.step(
        "node 1: what node 2's checker refuses (a file that only node 1 has) leaves node 2 as it was",
        lambda: stage.on(1, "sh", "-c", "mkdir -p /etc/maps && echo a b > /etc/maps/only-here && chmod 755 /etc/maps"),
        lambda: stage.write(
            1,
            "/etc/haproxy/haproxy.cfg",
            page("x").replace(
                "bind :8080", "bind :8080\n    http-request set-var(txn.a) str(a),map(/etc/maps/only-here)"
            ),
        ),
        lambda: stage.on(1, "service", "haproxy", "apply"),
        lambda: stage.on(1, "csync", "push", "haproxy", expect=4),
        lambda: _same(stage.on(2, "sha256sum", "/etc/haproxy/haproxy.cfg"), before),
    )
    stage.step(
        "node 2 was edited by hand: the push is a conflict, refused, with the difference shown",
        lambda: stage.on(2, "sh", "-c", "echo '# by hand' >> /etc/haproxy/haproxy.cfg"),
        lambda: stage.write(1, "/etc/haproxy/haproxy.cfg", page("conflict")),
        lambda: stage.on(1, "service", "haproxy", "apply"),
        lambda: _holds(stage.on(1, "csync", "push", "haproxy", expect=3), "-# by hand"),
    )


def _holds(text: str, part: str) -> None:
    if part not in text:
        raise Broken(f"{part!r} does not stand in:\n{text}")


def _same(now: str, before: str) -> None:
    if now != before:
        raise Broken(f"it was changed: {before} is now {now}")


def play(stage: Stage) -> None:
    """The whole story, on two fresh nodes."""
    stage.step("two nodes are up", lambda: stage.nodes("up", "2").check_returncode())
    enable(stage)
    exchange_keys(stage)
    edit_and_push(stage, 1, "hello from node 1")
    save_and_reboot(stage, "hello from node 1")
    edit_and_push(stage, 2, "hello back from node 2")
    refusals(stage)


def main() -> int:
    """Play it, and take the nodes away whatever happens."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", default="lab")
    parser.add_argument("--state", default="")
    given = parser.parse_args()
    stage = Stage(["--kind", given.kind, *(["--state", given.state] if given.state else [])])
    try:
        play(stage)
    except (Broken, subprocess.CalledProcessError) as error:
        print(f"the story broke: {error}", file=sys.stderr)
        return 1
    finally:
        stage.nodes("down")
    print("all of it held")
    return 0


if __name__ == "__main__":
    sys.exit(main())
