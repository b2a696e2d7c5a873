"""What came of a proposal, as the receiver tells the pusher; and the last one for each service, for who asks again."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware import files, log, records
from firmware.errors import Damaged, Failure, system_hint
from firmware.services.definition import Outcome
from firmware.sync import file_change
from firmware.sync.file_change import FileChange
from firmware.sync.message import DIGEST, SHA256, Message

#: how it ends: `busy`, `lacking` and `diverged` ask the pusher to do something else first
RESULTS = ("applied", "unchanged", "differs", "refused", "rolled-back", "failed", "busy", "lacking", "diverged")
#: the most paths that a push changes: all that there can be are replaced by others, and the block
MAX_CHANGES = 1 << 15

#: paths that the trail names of a push that changes more than a report lists
_FEW = 20

REPORTS = Path("/run/firmware/received")
FORMAT = 1
REMEDY = "csync log on both nodes tells what came of the push"


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a proposal. `state` is the digest of what is here now, `sha256` that of what was and of what is, for
    the audit trail; `lacking` the digests whose contents have to be sent too; `diverged` says that what is here is not what
    the difference was made to; `confirm` the seconds in which it has to be confirmed (0: it has not to be); `more` how many
    paths it changes that `files` does not list."""

    result: str
    message: str = ""
    hint: str = ""
    files: tuple[FileChange, ...] = ()
    check: Outcome | None = None
    reload: Outcome | None = None
    state: str = ""
    sha256: tuple[str, str] = ("", "")
    lacking: tuple[str, ...] = ()
    confirm: int = 0
    more: int = 0

    def json(self) -> dict[str, Any]:
        """As it travels."""
        return {
            "result": self.result,
            "message": self.message,
            "hint": self.hint,
            "files": [change.json() for change in self.files],
            "check": _outcome_json(self.check),
            "reload": _outcome_json(self.reload),
            "state": self.state,
            "sha256": list(self.sha256),
            "lacking": list(self.lacking),
            "confirm": self.confirm,
            "more": self.more,
        }


def parse(message: Message) -> Report:
    """The report in a peer's answer, or in a record of ours; an error of the message's kind if it is none."""
    if (result := message.name("result")) not in RESULTS:
        raise message.complaint("result")
    sha256 = message.each("sha256", lambda one, key: one.token(key, SHA256), 2)
    if len(sha256) != 2:
        raise message.complaint("sha256")
    check, reload = (message.optional(key, _parse_outcome) for key in ("check", "reload"))
    return Report(
        result, message.words("message"), message.words("hint"), file_change.parse_each(message, MAX_CHANGES), check, reload,
        message.token("state", DIGEST), (sha256[0], sha256[1]),
        message.each("lacking", lambda one, key: one.token(key, DIGEST), MAX_CHANGES), message.number("confirm", absent=0),
        message.number("more", absent=0),
    )  # fmt: skip


def _parse_outcome(message: Message) -> Outcome:
    return Outcome(message.number("status", -255, 255), message.output("output"))


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
        if not push or kept != push:
            return None
        parse(Message(answer, f"{path}: damaged", Damaged, REMEDY))
    return dict(answer)


def trail_details(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What the audit trail keeps of it: why, the digests before and after, the paths, and what checker and daemon said."""
    before, after = answer["sha256"]
    outputs = {key: (answer[key] or {}).get("output", "") for key in ("check", "reload")}
    paths = [change["path"] for change in answer["files"]]
    if more := answer.get("more"):
        paths = [*paths[:_FEW], f"… {len(paths) + more} in all"]
    return {"message": answer["message"], "before": before, "after": after, "files": paths, **outputs}


def _outcome_json(outcome: Outcome | None) -> dict[str, Any] | None:
    return {"status": outcome.status, "output": outcome.output} if outcome else None
