"""What came of a proposal, as the receiver tells the pusher; and the last one for each service, for who asks again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firmware import files
from firmware.services.definition import Outcome

REPORTS = Path("/run/firmware/received")


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a proposal. `state` is the digest of what is here now, `sha256` that of what was and of what is, for
    the audit trail; `lacking` the digests whose contents have to be sent too; `confirm` the seconds in which it has to be
    confirmed (0: it has not to be)."""

    result: str
    message: str = ""
    hint: str = ""
    files: list[dict[str, Any]] = field(default_factory=list)
    check: Outcome | None = None
    reload: Outcome | None = None
    state: str = ""
    sha256: tuple[str, str] = ("", "")
    lacking: list[str] = field(default_factory=list)
    confirm: int = 0

    def json(self) -> dict[str, Any]:
        """As it travels."""
        return {
            "result": self.result,
            "message": self.message,
            "hint": self.hint,
            "files": self.files,
            "check": _outcome_json(self.check),
            "reload": _outcome_json(self.reload),
            "state": self.state,
            "sha256": list(self.sha256),
            "lacking": self.lacking,
            "confirm": self.confirm,
        }


def remember(title: str, push: str, answer: Mapping[str, Any], top: Path = REPORTS) -> None:
    """Keep the answer to that push, in the place of an earlier one's, for who asks the same again."""
    top.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write(top / title, json.dumps({"push": push, "answer": answer}).encode(), mode=0o600)


def recall(title: str, push: str, top: Path = REPORTS) -> Mapping[str, Any] | None:
    """The answer to that push, if it was the last one for that service; None otherwise."""
    try:
        kept = json.loads((top / title).read_bytes())
    except FileNotFoundError:
        return None
    return dict(kept["answer"]) if push and kept["push"] == push else None


def trail_details(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What the audit trail keeps of it: why, the digests before and after, the paths, and what checker and daemon said."""
    before, after = answer["sha256"]
    said = {key: (answer[key] or {}).get("output", "") for key in ("check", "reload")}
    paths = [change["path"] for change in answer["files"]]
    return {"message": answer["message"], "before": before, "after": after, "files": paths, **said}


def _outcome_json(outcome: Outcome | None) -> dict[str, Any] | None:
    return {"status": outcome.status, "output": outcome.output} if outcome else None
