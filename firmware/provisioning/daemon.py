"""`python -m firmware provisioning [LINE]`: the agent, as a unit that is not locked runs it on ttyS1."""

from collections.abc import Sequence

from firmware import identity, log
from firmware.errors import Lost
from firmware.provisioning.agent import Agent
from firmware.provisioning.handlers import Handlers
from firmware.provisioning.unit import Unit
from firmware.serial_line import Line

LINE = "/dev/ttyS1"


def main(words: Sequence[str]) -> int:
    """Answer until the unit is locked: exit status 0. 1 if the line is gone, 3 if this unit is not to be provisioned."""
    from firmware.flows.identity import OPEN

    if not (identity.DIRECTORY / OPEN).exists():
        log.line("provisioning: this unit is locked, or has no identity partition that can be read")
        return 3
    try:
        with Line(words[0] if words else LINE) as line:
            serve(line, Unit())
    except Lost as error:
        log.line(f"provisioning: {error}")
        return 1
    return 0


def serve(line: Line, unit: Unit) -> None:
    """Answer on an open line until the unit is locked."""
    agent = Agent(line)
    handlers = Handlers(unit, agent.say)
    agent.serve(handlers.table(), handlers.is_locked)
