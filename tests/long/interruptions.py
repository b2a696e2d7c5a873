"""Interruptions at random steps of a push, between two paired nodes: what is left must be whole, true, and ready for more.

    python tests/long/interruptions.py COUNT [SEED]         goes on until COUNT pushes were interrupted
    python tests/long/interruptions.py --round N SEED       plays one round of those alone

Each round: one node changes haproxy, applies it, pushes it, and something goes wrong meanwhile (`disruptions`). Nobody cleans up:
cables are put back in and what was stopped goes on, no more. Then both nodes are held to what `pair_invariants` says, and to the next
push.
"""

import argparse
import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "support"))

import disruptions
import pair_invariants
import story
from agent_client import Agent
from disruptions import Disruption
from lab_driver import Failed, Lab
from pair_invariants import State
from push_helpers import CSYNCD_WITH_FAULTS
from story import ADDRESSES, Broken, Stage

#: seconds that the pair has to recover by itself, and a push to end
RECOVERY, PUSH = 30.0, 60.0
CARRIER = "/sys/class/net/eth0/carrier"

Tell = Callable[[str], None]


@dataclass
class Figures:
    """What happened: pushes that were interrupted, by what; those that had ended before; what they said; which state each
    side had then; the slowest push, recovery after it, and push after that (seconds); and what was violated."""

    interruptions: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    pusher: Counter[str] = field(default_factory=Counter)
    receiver: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("push", "recovery", "next push"), 0.0))
    violations: list[str] = field(default_factory=list)

    def took(self, what: str, began: float) -> None:
        """Something has just ended that began then."""
        self.slowest[what] = round(max(self.slowest[what], time.monotonic() - began), 2)

    def json(self) -> dict[str, Any]:
        """As a program would read it."""
        counters = ("interruptions", "missed", "results", "pusher", "receiver")
        return {
            "interrupted": self.interruptions.total(), "slowest": self.slowest, "violations": len(self.violations),
            **{name: dict(getattr(self, name).most_common()) for name in counters},
        }  # fmt: skip


def play(stage: Stage, count: int, seed: int, tell: Tell) -> dict[str, Any]:
    """Interrupt `count` pushes between two paired nodes, and return the figures. Broken, with all that it takes to play it
    again, if something was left that should not be."""
    tell(f"seed {seed}")
    with Game(stage, tell) as game:
        game.play(count, seed)
    if game.figures.violations:
        raise Broken("\n\n".join(game.figures.violations))
    return game.figures.json()


def play_alone(stage: Stage, number: int, seed: int, tell: Tell) -> dict[str, Any]:
    """Play one of those rounds."""
    with Game(stage, tell) as game:
        game.round(f"round {number} of seed {seed}", random.Random(_seeds(seed, number)[-1]))
    if game.figures.violations:
        raise Broken("\n\n".join(game.figures.violations))
    return game.figures.json()


def _seeds(seed: int, count: int) -> list[int]:
    """A seed for each round."""
    dice = random.Random(seed)
    return [dice.getrandbits(64) for _ in range(count)]


class Game:
    """Two paired nodes with a agent on each; between rounds both have the same state."""

    def __init__(self, stage: Stage, tell: Tell) -> None:
        self.stage, self.tell, self.figures = stage, tell, Figures()
        self.agents: dict[int, Agent] = {}

    def __enter__(self) -> "Game":
        for node in (1, 2):
            self.agents[node] = Agent(self.stage.lab, node)
            self._let_csyncd_look_for_faults(node)
        for node in (1, 2):
            self.stage.shows(node, "orange")
        self.agree(State.draw("0", random.Random(0)))
        facts = self.look()
        self.rest = {node: facts[node]["rest"] for node in (1, 2)}
        self.counts = {node: facts[node]["counted"] for node in (1, 2)}
        return self

    def _let_csyncd_look_for_faults(self, node: int) -> None:
        for key, value in CSYNCD_WITH_FAULTS.items():
            if not self.stage.lab.run(node, "config", "get", "csyncd", key, check=False).stdout.strip():
                self.stage.on(node, "config", "add", "csyncd", key, *value.split())
        self.stage.on(node, "service", "csyncd", "restart")

    def __exit__(self, kind: object, *error: object) -> None:
        """At the end there are as many sessions as at the start, too."""
        try:
            deadline = time.monotonic() + RECOVERY
            while not kind and (now := self.both("count_processes")) != self.counts:
                if time.monotonic() > deadline:
                    self.figures.violations.append(f"processes at the end: {now}, not {self.counts}")
                    break
                time.sleep(0.3)
        finally:
            for agent in self.agents.values():
                agent.close()

    def play(self, count: int, seed: int) -> None:
        """Play rounds until `count` pushes were really interrupted; few had ended before."""
        wanted = self.figures.interruptions.total() + count
        for number, own in enumerate(_seeds(seed, 2 * count + 10), 1):
            self.round(f"round {number} of seed {seed}", random.Random(own))
            if self.figures.interruptions.total() >= wanted:
                return
        raise Broken(f"of seed {seed}, too many pushes ended before they could be interrupted")

    def both(self, verb: str, *words: Any, **told: Any) -> dict[int, Any]:
        """Tell both agents the same at the same time; their answers by node. What is told by node goes to that one."""
        for node, agent in self.agents.items():
            own = {key: value[node] if isinstance(value, dict) else value for key, value in told.items()}
            agent.send(verb, *words, **own)
        return {node: agent.receive() for node, agent in self.agents.items()}

    def repair(self, state: State) -> None:
        """Begin anew after a violation, so that the next one is one of its own."""
        for node in (1, 2):
            self.stage.on(node, "service", "csyncd", "restart")
        self.settled()
        self.agree(state)

    def agree(self, state: State) -> None:
        """Make both nodes have this state, whatever they have, as an operator would who has to."""
        self.edit(1, state)
        self.stage.on(1, "csync", "diff", "haproxy")
        self.stage.on(1, "csync", "push", "haproxy", "--force")
        self.state = state

    def edit(self, node: int, state: State) -> None:
        """Edit haproxy on a node and apply it."""
        done = self.agents[node].ask("edit", state.files, state.interval)
        if done["status"]:
            raise Broken(f"node {node}: service haproxy apply: exit status {done['status']}: {done['stderr']}")

    def look(self) -> dict[int, Any]:
        """What there is to know of each node; what its haproxy serves is what the other one is answered."""
        facts = self.both("look", other={1: ADDRESSES[2], 2: ADDRESSES[1]})
        facts[1]["served"], facts[2]["served"] = facts[2]["served"], facts[1]["served"]
        return facts

    def settled(self) -> tuple[dict[int, Any], list[str]]:
        """Wait until nothing is under way on either node, and neither shows red; what there is to know of them then, and what
        is still amiss."""
        deadline = time.monotonic() + RECOVERY
        while True:
            missing = self.both("settle", counts=self.counts, patience=max(1.0, deadline - time.monotonic()))
            shown = self.both("status")
            for node, status in shown.items():
                missing[node] += status["reasons"] if status["state"] == "red" else []
            if not any(missing.values()) or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        facts = {node: {**found, "status": shown[node]} for node, found in self.look().items()}
        return facts, [f"node {node}: {what}" for node in missing for what in missing[node]]

    def round(self, name: str, dice: random.Random, disruption: Disruption | None = None) -> None:
        """One round. What it violates is noted and told, and the nodes are made to agree again."""
        pusher, word = dice.choice((1, 1, 2)), f"{dice.getrandbits(24):06x}"
        new, later = State.draw(word, dice), State.draw(f"{word}-later", dice)
        again, back = dice.random() < 0.3, dice.random() < 0.3
        disruption = disruption or disruptions.draw(dice, new.size)
        new = new.with_own_port if disruption.taken else new
        turn = Turn(self, pusher, new, disruption)
        wrong = turn.play() or turn.push_again(new if again else later, back=back)
        said = f"{name}: node {pusher} pushes, {disruption.text}: {turn.outcome}, next from node {turn.next}"
        self.tell(f"{time.monotonic() - turn.began:5.1f} s  {'' if turn.hit else 'missed: '}{said}")
        if wrong:
            self.figures.violations.append("\n    ".join([said, *wrong, *turn.evidence()]))
            self.tell(self.figures.violations[-1])
            self.repair(State.draw(f"{word}-after", dice))


class Turn:
    """One round as it goes: a push that is interrupted, and what comes of it."""

    def __init__(self, game: Game, pusher: int, new: State, disruption: Disruption) -> None:
        self.game, self.disruption, self.pusher, self.receiver = game, disruption, pusher, 3 - pusher
        self.nodes = {"pusher": pusher, "receiver": 3 - pusher}
        self.states = {"old": game.state, "new": new}
        self.ended = {1: "", 2: ""}
        self.said: dict[str, Any] = {}
        self.facts: dict[int, Any] = {}
        self.hits: list[float] = []
        self.off: dict[int, float] = {}
        self.hit, self.outcome, self.next = False, "", 0
        self.began = time.monotonic()

    def play(self) -> list[str]:
        """Edit, push, interrupt, recover; what is wrong then."""
        game = self.game
        if self.disruption.power:
            game.both("run", "config", "save")
        game.edit(self.pusher, self.states["new"])
        game.both("note_trail")
        self._push()
        restored = time.monotonic()
        self.facts, amiss = game.settled()
        game.figures.took("recovery", restored)
        self._happened()
        wrong = [f"it does not recover: {what}" for what in amiss]
        for node in (1, 2):
            self.ended[node], mixed = pair_invariants.find_state(self.facts[node], self.states, game.rest[node])
            wrong += [f"node {node}: {line}" for line in mixed]
        wrong += pair_invariants.find_untruths(self.said, self.facts, self.ended, self.pusher, self.off)
        self._count()
        return wrong

    def _push(self) -> None:
        agents = self.game.agents
        if self.disruption.taken:
            agents[self.receiver].ask("take_port", self.states["new"].port)
        for fault in self.disruption.faults:
            agents[self.nodes[fault.side]].ask("fault", fault.step, fault.order)
            if fault.order == "stop":
                agents[self.nodes[fault.side]].ask("hold", fault.seconds, fault.target)
        if (cable := self.disruption.cable) and cable.after_bytes is not None:
            self.game.stage.lab.link(self.nodes[cable.side], False, after=cable.after_bytes)
        for strike in self.disruption.strikes:
            agents[self.nodes[strike.side]].ask("strike", strike.target, strike.after, strike.which)
        began = agents[self.pusher].ask(
            "push", *(["--confirm", str(disruptions.CONFIRM)] if self.disruption.confirm else [])
        )
        outside = [threading.Thread(target=self._pull_cable)]
        outside += [
            threading.Thread(target=self._cut, args=(self.nodes[cut.side], cut.after)) for cut in self.disruption.power
        ]
        for thread in outside:
            thread.start()
        try:
            self.said = agents[self.pusher].ask("await_push", PUSH)
            if self.disruption.confirm and not self.said["status"]:
                self.said["confirmed"] = agents[self.pusher].ask("run", "csync", "confirm", "--json")
                self.said["time"] = time.monotonic()
        except EOFError:  # its power was cut
            self.said = {"status": None, "stdout": "", "stderr": "", "time": time.monotonic()}
        self.game.figures.took("push", began)
        for thread in outside:
            thread.join()
        self._revive()
        self.game.both("await_strikes")
        self.game.both("give_port")

    def _pull_cable(self) -> None:
        cable, lab = self.disruption.cable, self.game.stage.lab
        if not cable:
            return
        node = self.nodes[cable.side]
        if cable.after_bytes is None:
            time.sleep(cable.after)
            lab.link(node, False)
            self.hits.append(time.monotonic())
        time.sleep(cable.seconds)
        if cable.after_bytes is not None and lab.read(node, CARRIER).strip() == "0":
            self.hits.append(0.0)
        lab.link(node, True)

    def _cut(self, node: int, after: float) -> None:
        time.sleep(after)
        # What was saved in the middle of the push is seen by the cut, which may come later.
        self.hits.append(0.0 if self.disruption.strikes else time.monotonic())
        self.game.stage.lab.cut(node)
        self.off[node] = time.monotonic()

    def _revive(self) -> None:
        for node in self.off:
            self.game.agents[node].close()
            self.game.agents[node] = Agent(self.game.stage.lab, node)

    def _happened(self) -> None:
        """Whether the push was really interrupted: everything has happened that was to happen, before its end."""
        told = self.game.both("take_events")
        steps = {step for one in told.values() for step in one["left"]}
        self.hits += [strike["time"] for one in told.values() for strike in one["struck"] if strike["pid"]]
        if self.disruption.faults:
            self.hit = not any(fault.step in steps for fault in self.disruption.faults)
        else:
            self.hit = any(moment < self.said["time"] for moment in self.hits)

    def _count(self) -> None:
        figures, result = self.game.figures, pair_invariants.result_of(self.said)
        (figures.interruptions if self.hit else figures.missed)[self.disruption.kind] += 1
        self.outcome = f"it says {result}, the receiver has the {self.ended[self.receiver]} state"
        if self.hit:
            figures.results[result] += 1
            figures.pusher[self.ended[self.pusher]] += 1
            figures.receiver[self.ended[self.receiver]] += 1

    def push_again(self, state: State, *, back: bool) -> list[str]:
        """The next push has to work: of this state, and in the other direction with `back` if both have the same now."""
        game = self.game
        self.next = pusher = self.receiver if back and self.ended[1] == self.ended[2] else self.pusher
        if state is not self.states["new"] or self.ended[pusher] != "new":
            game.edit(pusher, state)
        game.both("note_trail")
        began = time.monotonic()
        game.agents[pusher].ask("push")
        self.said = said = game.agents[pusher].ask("await_push", PUSH)
        game.figures.took("next push", began)
        if said["status"]:
            return [f"the next push, from node {pusher}, ends with exit status {said['status']}"]
        if self.disruption.kind == "late":
            time.sleep(max(0.0, self.began + disruptions.LATE + 2 - time.monotonic()))
        self.facts, amiss = game.settled()
        wrong = [f"the next push is not over: {what}" for what in amiss]
        for node in (1, 2):
            self.ended[node], mixed = pair_invariants.find_state(self.facts[node], {"new": state}, game.rest[node])
            wrong += [f"after the next push: node {node}: {line}" for line in mixed]
        wrong += pair_invariants.find_untruths(said, self.facts, self.ended, pusher, {})
        game.state = state
        return wrong

    def evidence(self) -> list[str]:
        """What a person wants to see beside it."""
        report = json.loads(self.said["stdout"] or "{}")
        lines = [f"exit status {self.said['status']}: {self.said['stderr'].strip()}"]
        lines += [f"csync confirm: {self.said['confirmed']}"] if "confirmed" in self.said else []
        lines.append(", ".join(f"{key} {report[key]!r}" for key in report if key not in ("files", "hint", "sha256")))
        for node in (1, 2):
            lines.append(f"node {node}: the trail, and the last words of csyncd and of haproxy:")
            keys = ("time", "event", "result", "message")
            lines += [f"    {[entry.get(key) for key in keys]}" for entry in self.facts[node]["trail"]]
            for name in ("csyncd", "haproxy"):
                log = self.game.stage.lab.read(node, f"/run/firmware/log/{name}/current").splitlines()[-15:]
                lines += [f"    {line[11:200]}" for line in log]
        return lines


def main() -> int:
    """Play it in a lab of its own, and take that away whatever happens."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--round", action="store_true", help="COUNT is the number of a round: play it alone")
    parser.add_argument("--state", type=Path, default=Path("build/interruptions"))
    parser.add_argument("count", type=int)
    parser.add_argument("seed", type=int, nargs="?", default=random.SystemRandom().getrandbits(32))
    given = parser.parse_args()
    stage = Stage(Lab(given.state), tell=lambda text: None)
    try:
        stage.lab.up(2)
        story.pair(stage)
        tell = partial(print, flush=True)
        print(json.dumps((play_alone if given.round else play)(stage, given.count, given.seed, tell), indent=2))
    except (Broken, Failed) as error:
        print(f"interruptions: seed {given.seed}: it does not hold: {error}", file=sys.stderr)
        return 1
    finally:
        stage.lab.down()
    return 0


if __name__ == "__main__":
    sys.exit(main())
