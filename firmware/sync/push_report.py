"""What came of a proposal, as the receiver tells the pusher; and the last one for each service, for who asks again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firmware import files, log, records
from firmware.errors import Damaged, Failure, system_hint
from firmware.services.definition import Outcome

REPORTS = Path("/run/firmware/received")
FORMAT = 1
REMEDY = "csync log on both nodes tells what came of the push"


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


def parse(answer: Mapping[str, Any]) -> Report:
    """The report that an answer holds; KeyError, TypeError or ValueError if it is none."""
    before, after = records.typed_value(answer, "sha256", list)
    result, message, hint, state = (
        records.typed_value(answer, key, str) for key in ("result", "message", "hint", "state")
    )
    changes, lacking = (records.typed_value(answer, key, list) for key in ("files", "lacking"))
    if not all(isinstance(word, str) for word in (before, after, *lacking, *(change["path"] for change in changes))):
        raise TypeError("a digest or a path is no text")
    check, reload = (_parse_outcome(answer[key]) for key in ("check", "reload"))
    confirm = records.typed_value(answer, "confirm", int)
    return Report(result, message, hint, changes, check, reload, state, (before, after), lacking, confirm)


def _parse_outcome(value: Mapping[str, Any] | None) -> Outcome | None:
    if value is None:
        return None
    return Outcome(records.typed_value(value, "status", int), records.typed_value(value, "output", str))


def remember(title: str, push: str, answer: Mapping[str, Any], top: Path = REPORTS) -> None:
    """Keep the answer to that push, in the place of an earlier one's, for who asks the same again. One that a newer firmware
    wrote is left alone, and that is said in the log."""
    top.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        recall(title, push, top)
    except Damaged:
        pass
    except Failure as error:
        log.line(f"{error}; the report of a push of service {title} was not kept")
        return
    files.write(top / title, records.dump({"push": push, "answer": answer}, FORMAT), mode=0o600)


def recall(title: str, push: str, top: Path = REPORTS) -> Mapping[str, Any] | None:
    """The answer to that push, if it was the last one for that service; None otherwise. Failure if it cannot be read."""
    path = top / title
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}", system_hint(error) or REMEDY) from None
    body = records.load(data, FORMAT, str(path), unmarked=1, hint=REMEDY)
    with records.interpreting(str(path), REMEDY):
        kept, answer = records.typed_value(body, "push", str), records.typed_value(body, "answer", dict)
        parse(answer)
    return dict(answer) if push and kept == push else None


def trail_details(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What the audit trail keeps of it: why, the digests before and after, the paths, and what checker and daemon said."""
    before, after = answer["sha256"]
    outputs = {key: (answer[key] or {}).get("output", "") for key in ("check", "reload")}
    paths = [change["path"] for change in answer["files"]]
    return {"message": answer["message"], "before": before, "after": after, "files": paths, **outputs}


def _outcome_json(outcome: Outcome | None) -> dict[str, Any] | None:
    return {"status": outcome.status, "output": outcome.output} if outcome else None
