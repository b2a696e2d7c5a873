"""What the blocks of /etc/config.rc say, as `config show --json` prints it."""

from collections.abc import Sequence
from dataclasses import dataclass

from firmware.operations.config_file import require_block, split_key
from firmware.rc import document as rc
from firmware.rc.block import Block, Line
from firmware.rc.title import Title


@dataclass(frozen=True, slots=True)
class ParsedLine:
    """A directive of a block: the number of its line, its key, its values, and whether it says `no`."""

    line: int
    key: str
    values: tuple[str, ...]
    negated: bool

    def json(self) -> dict[str, object]:
        """One of the `directives` that `config show --json` prints."""
        return {"line": self.line, "key": self.key, "values": list(self.values), "negated": self.negated}


@dataclass(frozen=True, slots=True)
class ParsedBlock:
    """A block of config.rc: its service and instance, whether it says `service` or `no service`, its directives."""

    service: str
    instance: str
    enabled: bool
    line: int
    directives: tuple[ParsedLine, ...]

    def json(self) -> dict[str, object]:
        """What `config show SERVICE --json` prints."""
        return {
            "service": self.service,
            "instance": self.instance,
            "enabled": self.enabled,
            "line": self.line,
            "directives": [one.json() for one in self.directives],
        }


def parse_block(title: Title, *, path: str = rc.PATH) -> ParsedBlock:
    """What the block of a service says; Failure if there is none."""
    return _parsed_block(require_block(rc.read(path), title))


def parse_blocks(*, path: str = rc.PATH) -> tuple[ParsedBlock, ...]:
    """What config.rc says, in file order."""
    return tuple(_parsed_block(block) for block in rc.read(path).blocks)


def _parsed_block(block: Block) -> ParsedBlock:
    directives = tuple(_parsed_line(block.name, line) for line in block.directives)
    return ParsedBlock(block.name, block.instance, block.enabled, block.lines[0].number, directives)


def _parsed_line(service: str, line: Line) -> ParsedLine:
    negated = line.words[0] == "no"
    words: Sequence[str] = line.words[1:] if negated else line.words
    key, values = split_key(service, tuple(words))
    return ParsedLine(line.number, key, values, negated)
