"""An input file as rows: TOML for one unit, CSV for many, both with the line of each word. What the words mean is not
looked at here."""

import csv
import io
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from firmware.errors import Failure
from firmware.printable import quote_word
from firmware.station.fields import BY_NAME, FIELDS

#: bytes that a CSV file may have, and a TOML file
MOST, MOST_TOML = 8 << 20, 1 << 16


@dataclass(frozen=True, slots=True)
class Row:
    """One unit's words by field, each with the number of its line; `line` is where the unit begins."""

    file: str
    line: int
    words: dict[str, tuple[str, ...]]
    lines: dict[str, int]

    def place(self, field: str = "") -> str:
        """FILE:LINE of a field, or of the unit."""
        return f"{self.file}:{self.lines.get(field, self.line)}"


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file, and what is wrong with its form, each as FILE:LINE: …"""

    rows: tuple[Row, ...]
    problems: tuple[str, ...]


def read(path: Path) -> Table:
    """The rows of a file: TOML if its name ends so, CSV otherwise. Failure where it cannot be read at all."""
    text, problem = _read_text(path, MOST_TOML if path.suffix == ".toml" else MOST)
    if problem:
        return Table((), (problem,))
    return read_toml(text, str(path)) if path.suffix == ".toml" else read_csv(text, str(path))


def _read_text(path: Path, most: int) -> tuple[str, str]:
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}", "name a TOML file of one unit, or a CSV file of many") from None
    if len(data) > most:
        return "", f"{path}:1: the file is larger than {most >> 10} KiB: split it"
    try:
        return data.decode("utf-8-sig"), ""
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return "", f"{path}:{line}: byte 0x{data[error.start]:02x} is not UTF-8: save the file as UTF-8"


def read_csv(text: str, file: str) -> Table:
    """A row of names, then a row for each unit; rows that are empty or begin with # are skipped."""
    problems: list[str] = []
    records = _records(text, file, problems)
    start, names = next(records, (1, []))
    names = [name.strip() for name in names]
    problems += [f"{file}:{start}: {problem}" for problem in _heading_problems(names)]
    rows = []
    for line, words in records:
        if len(words) > len(names):
            problems.append(
                f"{file}:{line}: {len(words)} words for {len(names)} columns: quote a word that has a comma"
            )
            continue
        found = {name: _split(name, word) for name, word in zip(names, words, strict=False) if name in BY_NAME}
        rows.append(Row(file, line, {name: words for name, words in found.items() if words}, {}))
    if not rows and not problems:
        problems.append(f"{file}:{start}: there is no unit in it: write the names of the columns, then a row a unit")
    return Table(tuple(rows), tuple(problems))


def _records(text: str, file: str, problems: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Each record with the number of its first line."""
    head = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=";" if head.count(";") > head.count(",") else ",", strict=True
    )
    line = 1
    try:
        for words in reader:
            if any(word.strip() for word in words) and not words[0].lstrip().startswith("#"):
                yield line, words
            line = reader.line_num + 1
    except csv.Error as error:
        problems.append(f"{file}:{line}: {error}: end each quoted word with a quote")


def _heading_problems(names: list[str]) -> Iterator[str]:
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield f"the column {quote_word(name)} is there {names.count(name)} times: keep one"
        if name not in BY_NAME:
            yield f"unknown column {quote_word(name)}: {_suggest(name)}"


def _suggest(name: str) -> str:
    near = get_close_matches(name.lower(), BY_NAME, 1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(field.name for field in FIELDS)}"


def _split(name: str, word: str) -> tuple[str, ...]:
    separator = BY_NAME[name].separator
    parts = [word] if not separator else word.split(separator)
    return tuple(part.strip() for part in parts if part.strip())


def read_toml(text: str, file: str) -> Table:
    """The keys of one unit."""
    try:
        body = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return Table((), (_syntax_problem(text, file, str(error)),))
    lines = key_lines(text)
    words, problems = {}, []
    for name, value in body.items():
        where = f"{file}:{lines.get(name, 1)}"
        if name not in BY_NAME:
            problems.append(f"{where}: unknown key {quote_word(name)}: {_suggest(name)}")
        elif (found := _texts(name, value)) is None:
            kind = "a text, or a list of texts" if BY_NAME[name].separator else "a text"
            problems.append(f"{where}: {name} is no text: write {kind} in quotes")
        elif found:
            words[name] = found
    return Table((Row(file, 1, words, lines),), tuple(problems))


def _texts(name: str, value: Any) -> tuple[str, ...] | None:
    parts = value if isinstance(value, list) and BY_NAME[name].separator else [value]
    return (
        tuple(part.strip() for part in parts if part.strip()) if all(isinstance(part, str) for part in parts) else None
    )


def _syntax_problem(text: str, file: str, said: str) -> str:
    """What tomllib says, with the line at the head; it counts lines and columns in its own words."""
    why, _, where = said.partition(" (at ")
    number = "".join(letter for letter in where.partition(",")[0] if letter.isdigit())
    line = number or str(max(1, len(text.splitlines())))
    return f'{file}:{line}: no TOML: {why}: write KEY = "VALUE"'


def key_lines(text: str) -> dict[str, int]:
    """The first line of each key at the top of a TOML document. tomllib does not tell: each statement is parsed by itself, and
    those that take several lines as soon as they are complete."""
    lines: dict[str, int] = {}
    start, waiting = 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        waiting += line + "\n"
        try:
            found = tomllib.loads(waiting)
        except tomllib.TOMLDecodeError:
            continue
        for name in found:
            lines.setdefault(name, start)
        start, waiting = number + 1, ""
    return lines
