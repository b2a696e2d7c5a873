"""A session of the web UI on a lab node, at the sockets of its root half: requests, and channels with steps."""

import json
from dataclasses import dataclass
from typing import Any

import channel_agent
import session_agent
from lab_driver import Lab

PYTHON = "/usr/bin/python3"
PASSWORD = "correct horse battery"
_SOURCES = {module: open(module.__file__, encoding="utf-8").read() for module in (session_agent, channel_agent)}  # noqa: SIM115


@dataclass(frozen=True)
class WebSession:
    """Whoever is logged in."""

    lab: Lab
    node: int
    session: str
    secret: str
    role: str

    def ask(self, method: str, url: str, body: Any = None, /, status: int = 200, **query: Any) -> Any:
        """What is answered to a request: its JSON, or the problem; the status has to be that one."""
        answer = self.answer(method, url, body, **query)
        assert answer["status"] == status, answer
        return answer["content"]

    def answer(self, method: str, url: str, body: Any = None, /, **query: Any) -> dict[str, Any]:
        """The whole answer."""
        wish = {"session": self.session, "secret": self.secret}
        request = {"method": method, "path": url, "query": query, **({} if body is None else {"body": body})}
        (found,) = _play(self.lab, self.node, session_agent, {**wish, "requests": [request]})["answers"]
        return dict(found)

    def talk(self, channel: str, /, *steps: Any, **query: Any) -> dict[str, Any]:
        """What came over a channel: bytes, messages, end, and what was missing (see `channel_agent`)."""
        wish = {"session": self.session, "secret": self.secret, "channel": channel, "query": query, "steps": steps}
        return _play(self.lab, self.node, channel_agent, wish)


def log_in_first(lab: Lab, node: int = 1) -> WebSession:
    """With the setup code: the first account of a node, admin."""
    code = lab.run(node, "account", "code").stdout.split()[-1]
    return log_in(lab, node, code=code, password=PASSWORD)


def log_in_new_monitor(lab: Lab, node: int = 1, name: str = "watcher") -> WebSession:
    """A new account that may only look."""
    lab.run(node, "account", "add", name, "--role", "monitor", stdin=f"{PASSWORD}\n")
    return log_in(lab, node, user=name, password=PASSWORD)


def log_in(lab: Lab, node: int, **credential: str) -> WebSession:
    """A session for that credential."""
    login = _play(lab, node, session_agent, {"login": {**credential, "address": "192.0.2.7"}})["login"]
    assert login["status"] == 200, login
    return WebSession(lab, node, login["session"], login["secret"], login["role"])


def _play(lab: Lab, node: int, module: Any, wish: dict[str, Any]) -> dict[str, Any]:
    done = lab.run(node, PYTHON, "-c", _SOURCES[module], json.dumps(wish))
    return dict(json.loads(done.stdout))
