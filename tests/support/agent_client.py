"""Agents on nodes, from outside: each is `node_agent.py`, running on a node, with a pipe to it."""

import json
import select
import subprocess
from pathlib import Path
from typing import Any

from lab_driver import Failed, Lab

SOURCE = Path(__file__).with_name("node_agent.py").read_text()


class Agent:
    """The agent on one node. It ends with its node, and is then to be made anew."""

    def __init__(self, lab: Lab, node: int) -> None:
        self.node = node
        self.process: subprocess.Popen[bytes] = lab.start(node, "/usr/bin/python3", "-c", SOURCE)

    def ask(self, verb: str, *words: Any, **named: Any) -> Any:
        """Tell it something, and wait for the answer."""
        self.send(verb, *words, **named)
        return self.receive()

    def send(self, verb: str, *words: Any, **named: Any) -> None:
        """Tell it something; the answer is to be fetched with `receive`."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"do": verb, "words": words, **named}).encode() + b"\n")
        self.process.stdin.flush()

    def receive(self, patience: float = 120.0) -> Any:
        """Its answer. Failed if it does not come, or is an error; EOFError if the node has gone."""
        assert self.process.stdout
        if not select.select([self.process.stdout], [], [], patience)[0]:
            raise Failed(f"the agent on node {self.node} does not answer")
        line = self.process.stdout.readline()
        if not line:
            raise EOFError(f"the agent on node {self.node} has gone")
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(f"the agent on node {self.node}: {answer['error']}")
        return answer["answer"]

    def close(self) -> None:
        """Take it away."""
        self.process.kill()
        self.process.communicate()
