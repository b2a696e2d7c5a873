"""The steps of a provisioning by their names, each with what is asked and answered in it. Each can be repeated, and does the
same again."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from firmware.errors import Failure, Usage
from firmware.provision.answers import (
    AdminIsSet,
    FirmwareFound,
    IdentityWritten,
    ManagementIsSet,
    PairChecked,
    Paired,
    Saved,
    SelfTestResults,
    TimeIsSet,
    UnitKeys,
    UnitState,
)
from firmware.provision.questions import (
    CheckPair,
    GetFirmware,
    Hello,
    Lock,
    MakeKeys,
    Pair,
    Save,
    SelfTest,
    SetAdmin,
    SetIdentity,
    SetManagement,
    SetTime,
)
from firmware.typed_values import read_object

#: each step's name, with what is asked and answered
STEPS: Mapping[str, tuple[type, type]] = {
    "hello": (Hello, UnitState),
    "self-test": (SelfTest, SelfTestResults),
    "time": (SetTime, TimeIsSet),
    "identity": (SetIdentity, IdentityWritten),
    "management": (SetManagement, ManagementIsSet),
    "admin": (SetAdmin, AdminIsSet),
    "keys": (MakeKeys, UnitKeys),
    "pair": (Pair, Paired),
    "check-pair": (CheckPair, PairChecked),
    "firmware": (GetFirmware, FirmwareFound),
    "save": (Save, Saved),
    "lock": (Lock, UnitState),
}
#: seconds that each may take on a slow unit
SECONDS: Mapping[str, float] = {
    "hello": 30, "self-test": 300, "time": 60, "identity": 90, "management": 120, "admin": 60, "keys": 120, "pair": 120,
    "check-pair": 180, "firmware": 30, "save": 180, "lock": 90,
}  # fmt: skip


def name_of(question: object) -> str:
    """The step that a question belongs to."""
    return next(name for name, (asked, _) in STEPS.items() if asked is type(question))


def body_of(value: object) -> dict[str, Any]:
    """A question or an answer as a JSON object."""
    return asdict(value)  # type: ignore[call-overload, no-any-return]


def dump(body: Mapping[str, Any]) -> str:
    """A JSON object as it crosses the line: without blanks, for each byte may be spoiled."""
    return json.dumps(body, separators=(",", ":"))


def parse_question(step: str, body: Mapping[str, Any]) -> Any:
    """What is asked, as the dataclass of that step. Usage for a step that there is not, and for bad values."""
    if step not in STEPS:
        raise Usage(f"{step[:40]!r}: there is no such step", f"it is one of {', '.join(STEPS)}")
    return read_object(body, STEPS[step][0], step)


def parse_answer(step: str, body: Mapping[str, Any]) -> Any:
    """What was answered, as the dataclass of that step. Failure if it is none."""
    try:
        return read_object(body, STEPS[step][1], f"the unit's answer to {step}")
    except Usage as error:
        raise Failure(str(error), "is its firmware the newest?") from None
