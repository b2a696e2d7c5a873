"""The file of rules, in nft's words. Run as a program with its path it is the checker: first what nft would obey though it
is no rule, then `nft -c`.

Only tables and definitions may stand outermost. Commands (`flush ruleset`, `add`, `delete`) would touch what others have
loaded, and `include` would read other files.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from firmware import log
from firmware.errors import Failure
from firmware.rc.block import Block
from firmware.run import run

FILE = "/etc/firewall/rules.nft"

#: what the file may call the ports by which the node is administered and reached by its peer
NODE_PORTS = "node_ports"

FAMILIES = ("ip", "ip6", "inet", "arp", "bridge", "netdev")
_OUTERMOST = ("table", "define")
_TOKEN = re.compile(r'"[^"\n]*"?|[{};\n]|#[^\n]*|\\\n|[^\s{};"#\\]+|\\')
_CONTROL = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f]")
_MESSAGE = re.compile(r"^([^:\s]+):(\d+):[\d-]+: (?:Error: )?(.*)$")


def file_of(block: Block) -> str:
    """The file that a block names."""
    return block.value("config") or FILE


def tables(text: str) -> list[tuple[str, str]]:
    """The tables that a file has: family and name."""
    found = []
    for _, words in _outer_statements(text):
        if words[0] == "table" and len(words) > 1:
            family, name = (words[1], words[2]) if words[1] in FAMILIES and len(words) > 2 else ("ip", words[1])
            found.append((family, name))
    return list(dict.fromkeys(found))


def definition(ports: Iterable[int]) -> list[str]:
    """The words that tell nft what the file may call the ports of the node."""
    return ["-D", f"{NODE_PORTS}={{ {', '.join(map(str, ports))} }}"]


def problems(path: str, ports: Iterable[int]) -> list[str]:
    """What is wrong with it on a node with these ports, as FILE:LINE: …"""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return [f"{path}: there is no such file"]
    except OSError as error:
        return [f"{path}: {error.strerror}"]
    found = [
        f"{path}:{number}: a control character stands in this line" for number in _lines_with_control_characters(text)
    ]
    found += [f"{path}:{number}: {words}" for number, words in _unsupported_statements(text)]
    if not found and not tables(text):
        found = [f"{path}:1: there is no table in it"]
    return found or _nft_problems(path, ports)


def _lines_with_control_characters(text: str) -> Iterator[int]:
    """The kernel writes what a rule logs to the console as it is."""
    return (number for number, line in enumerate(text.split("\n"), 1) if _CONTROL.search(line))


def _unsupported_statements(text: str) -> Iterator[tuple[int, str]]:
    for number, words in _outer_statements(text):
        if words[0] not in _OUTERMOST:
            yield number, f"'{words[0]}' is not supported: only 'table' and 'define' stand outermost"
    for number, word in _words(text):
        if word == "include":
            yield number, "'include' is not supported: all rules stand in this one file"


def _outer_statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """The statements outside of all braces: line and words."""
    depth, first = 0, 0
    words: list[str] = []
    for number, word in _words(text, ends=True):
        if depth == 0 and word in ("{", ";", "\n") and words:
            yield first, words
            words = []
        if word == "{":
            depth += 1
        elif word == "}":
            depth = max(depth - 1, 0)
        elif depth == 0 and word not in (";", "\n"):
            first = first if words else number
            words.append(word)
    if words:
        yield first, words


def _words(text: str, *, ends: bool = False) -> Iterator[tuple[int, str]]:
    """Each word with its line; comments are none, words in quotes are one. With `ends`, ends of lines, too."""
    number = 1
    for match in _TOKEN.finditer(text):
        word = match.group()
        if word[0] != "#" and word != "\\\n" and (ends or word != "\n"):
            yield number, word
        number += word.count("\n")


def _nft_problems(path: str, ports: Iterable[int]) -> list[str]:
    done = run(["nft", *definition(ports), "-c", "-f", path], check=False)
    if not done.status:
        return []
    found = [
        f"{match[1]}:{match[2]}: {match[3]}" for line in done.stderr.splitlines() if (match := _MESSAGE.match(line))
    ]
    return list(dict.fromkeys(found)) or [f"{path}: {done.output or f'nft: exit status {done.status}'}"]


if __name__ == "__main__":
    try:
        wrong = problems(sys.argv[1], map(int, sys.argv[2:]))
    except Failure as error:
        wrong = [str(error)]
    for problem in wrong:
        log.line(problem)
    sys.exit(1 if wrong else 0)
