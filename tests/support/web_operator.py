"""Somebody at the web UI's root half on a lab node: what the front half would send for them."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab_driver import Lab
from service_helpers import PYTHON

AGENT = Path(__file__).with_name("session_agent.py").read_text()
PASSWORD = "correct horse battery"
HERE = "192.0.2.7"


def agent(lab: Lab, node: int, wish: dict[str, Any], *, account: str = "") -> dict[str, Any]:
    """What the sockets answer to that wish, of root or of another account."""
    become = ["setpriv", f"--reuid={account}", f"--regid={account}", "--clear-groups", "--"] if account else []
    done = lab.run(node, *become, PYTHON, "-c", AGENT, json.dumps(wish), timeout=120)
    return dict(json.loads(done.stdout))


def log_in(lab: Lab, credential: dict[str, Any], node: int = 1) -> dict[str, Any]:
    """What a login gets: a session with its secret, or a problem."""
    return dict(agent(lab, node, {"login": {"address": HERE, **credential}})["login"])


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who is logged in on a node."""

    lab: Lab
    node: int
    session: str
    secret: str
    address: str = field(default=HERE)

    def ask_all(self, *requests: dict[str, Any]) -> list[dict[str, Any]]:
        """The answers to these requests, each with `status` and `content`."""
        wish = {"session": self.session, "secret": self.secret, "requests": list(requests)}
        return list(agent(self.lab, self.node, wish)["answers"])

    def ask(self, method: str, path: str, body: Any = None, *, status: int = 200, **query: str) -> Any:
        """The content of the answer, whose status is that."""
        request = {"method": method, "path": path, "query": query, **({"body": body} if body is not None else {})}
        (answer,) = self.ask_all(request)
        assert answer["status"] == status, answer
        return answer["content"]


def operator(lab: Lab, user: str = "admin", password: str = PASSWORD, *, node: int = 1) -> Operator:
    """Log in with a password."""
    found = log_in(lab, {"user": user, "password": password}, node)
    assert found["status"] == 200, found
    return Operator(lab, node, found["session"], found["secret"])


def first_operator(lab: Lab, node: int = 1) -> Operator:
    """Choose the first password with the setup code, and log in."""
    code = lab.run(node, "account", "code").stdout.strip()
    found = log_in(lab, {"code": code, "password": PASSWORD}, node)
    assert found["status"] == 200, found
    return Operator(lab, node, found["session"], found["secret"])


def add_account(lab: Lab, name: str, role: str, *, node: int = 1) -> None:
    """Add an account with the usual password."""
    line = f"echo '{PASSWORD}' | account add {name} --role {role}"
    lab.run(node, "sh", "-c", line)
