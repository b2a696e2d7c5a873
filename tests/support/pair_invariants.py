"""What the two nodes must be like after a push that was interrupted, and what it may have said.

No mixed state: all of a service is of one round. No lie: what the push, the log and `csync status` say is so.
"""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import node_agent
import story

#: what a failed push may not say where the receiver has the new state
UNTOUCHED = ("is unchanged", "old state is back", "put everything back", "nothing was changed", "is as it was")
EVENTS = ("push received", "confirm received", "recover", "revert")
EXITS = {"applied": (0,), "unchanged": (0,), "refused": (3,), "rolled-back": (1,), "failed": (1, 4)}


@dataclass(frozen=True)
class State:
    """What haproxy is in one round: files by name with mode and text, each of which carries the round's name, and the
    check_interval in its block ("" for none)."""

    name: str
    files: Mapping[str, tuple[int, str]]
    interval: str = ""

    @classmethod
    def draw(cls, name: str, dice: random.Random) -> "State":
        """A state of that name; the dice say which maps there are, how large, with which modes, and what the block says."""
        names = [f"maps/{letter}.map" for letter in "abcdefgh"[: dice.randint(1, 8)]]
        if dice.random() < 0.3:
            names += [f"{dice.choice(('extra', f'of-{name}'))}/{part}.map" for part in ("deep/one", "two")]
        files = {path: (dice.choice((0o640, 0o644)), _draw_map(name, dice)) for path in names}
        lookups = [f"%[str(k),map(/etc/haproxy/{path})]" for path in names]
        text = story.page(" ".join([f"round-{name}", *lookups])).replace(" string ", " lf-string ")
        interval = str(dice.randint(2, 90)) if dice.random() < 0.3 else ""
        return cls(name, {"haproxy.cfg": (0o640, text), **files}, interval)

    @property
    def port(self) -> int:
        """One of its own, so that it may be taken."""
        return 20_000 + int(self.name.partition("-")[0], 16) % 10_000

    @property
    def with_own_port(self) -> "State":
        """The same, at that port, too."""
        mode, text = self.files["haproxy.cfg"]
        more = text.replace("    bind :8080\n", f"    bind :8080\n    bind :{self.port}\n")
        return replace(self, files={**self.files, "haproxy.cfg": (mode, more)})

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(len(text) for _, text in self.files.values())

    @property
    def served(self) -> str:
        """What haproxy answers when it has loaded all of it."""
        return " ".join([f"round-{self.name}"] * len(self.files))

    @property
    def block(self) -> list[str]:
        """The lines of its block."""
        return ["service haproxy", *[f"check_interval {self.interval}"] * bool(self.interval)]

    @property
    def listing(self) -> dict[str, str]:
        """Its files as an agent lists them."""
        found = {
            name: f"{mode:04o} root:haproxy {node_agent.describe(text)}" for name, (mode, text) in self.files.items()
        }
        parents = {name.rsplit("/", depth)[0] for name in self.files for depth in range(1, name.count("/") + 1)}
        return {**found, **dict.fromkeys(parents, "0750 root:haproxy dir")}


def _draw_map(name: str, dice: random.Random) -> str:
    lines = [f"k round-{name}\n"]
    if dice.random() < 0.2:
        lines += [f"{dice.getrandbits(64):x} round-{name}\n" for _ in range(dice.randint(1, 1500))]
    return "".join(lines)


def find_state(facts: Mapping[str, Any], states: Mapping[str, State], rest: list[str]) -> tuple[str, list[str]]:
    """Which of the states a node has, and what does not belong to it."""
    names = [name for name, state in states.items() if facts["disk"] == state.listing]
    if not names:
        return "mixed", [f"its files are of neither state: {_describe_beside_all(facts['disk'], states)}"]
    name = names[0]
    state = states[name]
    wanted = {
        "block": state.block, "applied": state.listing, "applied block": state.block, "served": state.served, "rest": rest,
        "unapplied": [], "not running": [], "staged": [], "leftovers": [], "locked": [],
    }  # fmt: skip
    return name, [
        f"its files are of the {name} state, and of {key} it has {_describe_difference(facts[key], value)}"
        for key, value in wanted.items()
        if facts[key] != value
    ]


def _describe_difference(found: Any, wanted: Any) -> str:
    if isinstance(found, dict):
        return str(_differing_entries(found, wanted))
    return f"{found!r}, not {wanted!r}"


def _describe_beside_all(found: Mapping[str, str], states: Mapping[str, State]) -> str:
    return "; ".join(f"beside {name} {_differing_entries(found, state.listing)}" for name, state in states.items())


def _differing_entries(found: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    names = sorted(found.keys() | wanted.keys())
    return {
        name: (found.get(name, "-"), wanted.get(name, "-")) for name in names if found.get(name) != wanted.get(name)
    }


def find_untruths(
    said: Mapping[str, Any], facts: Mapping[int, Any], ended: Mapping[int, str], pusher: int, off: Mapping[int, float]
) -> list[str]:
    """What was not so: of what the push said, of what the receiver's log says, of what `csync status` shows.

    `off`: when the power of a node was back. What was said before was of a state that is gone, and the log is, too.
    """
    receiver = 3 - pusher
    wrong = []
    if ended[pusher] != "new" and pusher not in off:
        wrong.append(f"node {pusher}, which pushed, has the {ended[pusher]} state")
    if said["time"] > off.get(receiver, 0.0):
        wrong += _untruths_of_push(said, ended[receiver])
    if receiver not in off:
        wrong += _untruths_of_trail(facts[receiver]["trail"], ended[receiver])
    same = ended[1] == ended[2]
    for node, found in facts.items():
        service = found["status"].get("services", {}).get("haproxy", {})
        if service.get("in_sync") is not same:
            wrong.append(f"node {node}: csync status says in_sync {service.get('in_sync')}, and it is {same}")
        if service and len({service["local"]["files"], service["local"]["applied"]}) != 1:
            wrong.append(f"node {node}: csync status says {service['local']}")
    return wrong


def result_of(said: Mapping[str, Any]) -> str:
    """The word of a push; "nothing" if it was killed before it could say one. What is not confirmed in time counts as rolled
    back."""
    word = str(json.loads(said["stdout"])["result"]) if said["stdout"].strip() else "nothing"
    if word == "applied" and "confirmed" in said:
        return {0: "applied", 3: "rolled-back"}.get(said["confirmed"]["status"], "nothing")
    return word


def _untruths_of_push(said: Mapping[str, Any], has: str) -> list[str]:
    result, status = result_of(said), said["status"]
    wrong = [said["stderr"]] if status is None and said["stderr"] else []
    if "confirmed" not in said and result == "nothing" and status is not None and status >= 0:
        wrong.append(f"the push ended with {status} and no JSON: {said['stderr']}")
    if "confirmed" not in said and result != "nothing" and status not in EXITS[result]:
        wrong.append(f"the push says {result}, with exit status {status}")
    if {"applied": "new", "unchanged": "new", "refused": "old", "rolled-back": "old"}.get(result, has) != has:
        wrong.append(f"the push says {result}, and the receiver has the {has} state")
    lies = [words for words in UNTOUCHED if words in said["stdout"] + said["stderr"]]
    if result == "failed" and has != "old" and lies:
        wrong.append(f"the push says that the receiver {lies[0]}, and it has the {has} state")
    return wrong


def _untruths_of_trail(trail: list[Mapping[str, Any]], has: str) -> list[str]:
    """What was refused or failed changed nothing."""
    means = {"applied": "new", "unchanged": "new", "confirmed": "new", "rolled-back": "old"}
    ends = [entry["result"] for entry in trail if entry["event"] in EVENTS and entry["result"] in means]
    last = ends[-1] if ends else "nothing"
    return [] if means.get(last, "old") == has else [f"the receiver's log says {last}, and it has the {has} state"]
