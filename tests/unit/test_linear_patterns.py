"""No text makes a pattern of the project take longer than its length says: each is tried with runs of a million characters.

The patterns are found in the source itself: whatever is given to a function of `re`, and to `glob`.
"""

import ast
import copy
import fnmatch
import importlib
import re
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).parents[2] / "firmware"
FUNCTIONS = {"compile", "search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"}
#: patterns that are put together at run time, and where they are tried
ELSEWHERE = {"firmware.patterns": "test_patterns.py::test_many_stars_take_no_longer_than_few"}
#: what is repeated, and what stands before it
RUNS = (
    "a",
    "A",
    "0",
    " ",
    "\t",
    "\n",
    "-",
    "=",
    ":",
    "/",
    "\\",
    '"',
    "'",
    "*",
    ".",
    "[]",
    "a ",
    "A ",
    "0 ",
    "a=",
    ' "',
    "\\a",
    "/a",
    "\n ",
)
SHORT, LONG = 32_000, 1_000_000
#: what is tried of each pattern in every run: a letter, a blank, a line's end and what opens a word or a comment
DECISIVE = ("a", " ", "\n", '"', "a ")
#: seconds of processor time; what is linear takes a hundredth
SHORT_SECONDS, LONG_SECONDS = 0.2, 4.0

Pattern = re.Pattern[str] | re.Pattern[bytes]


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(TOP.rglob("*.py")):
        parts = path.relative_to(TOP.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), ast.parse(path.read_text())


@dataclass(frozen=True)
class Use:
    """A pattern, where it stands, and the functions that are called with it."""

    where: str
    pattern: Pattern
    functions: frozenset[str]


def uses_in(module: str, tree: ast.Module) -> Iterator[Use]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=function), args=[first, *_]):
                if function in FUNCTIONS and module not in ELSEWHERE:
                    functions = functions_of(node, tree) if function == "compile" else {function}
                    for text in looped_over(module, first, tree) or [evaluate(module, first)]:
                        yield Use(f"{module}:{node.lineno}", re.compile(text), frozenset(functions))
            case ast.Call(func=ast.Attribute(attr="glob" | "rglob"), args=[first]):
                for part in evaluate(module, first).split("/"):
                    yield Use(f"{module}:{node.lineno}", re.compile(fnmatch.translate(part)), frozenset(["match"]))
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                assert getattr(node, "module", "") != "re", (
                    f"{module}: import re itself, so that its patterns are found"
                )
                assert not any(name.name in ("fnmatch", "glob") for name in names), f"{module}: is it linear?"


class Escaped(ast.NodeTransformer):
    """A word in the place of what is escaped: it stands for itself."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        return ast.Constant("word") if ast.unparse(node.func) == "re.escape" else node


def functions_of(made: ast.Call, tree: ast.Module) -> set[str]:
    """What the module calls with the name of a pattern that it makes; everything if that has no name of its own."""
    nodes = list(ast.walk(tree))
    names = {
        getattr(node.targets[0], "id", "") for node in nodes if isinstance(node, ast.Assign) and node.value is made
    }
    used = {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names
    }
    return used & FUNCTIONS or FUNCTIONS - {"compile"}


def looped_over(module: str, node: ast.expr, tree: ast.Module) -> list[str]:
    """The patterns that a name stands for in turn, where they are the keys of a table of the module; none elsewhere."""
    match node:
        case ast.Name(id=name):
            loops = [
                loop for loop in ast.walk(tree) if isinstance(loop, ast.For) and isinstance(loop.target, ast.Tuple)
            ]
            tables = [loop.iter for loop in loops if ast.unparse(loop.target).strip("()").split(", ")[0] == name]
            return [str(key) for table in tables for key, *_ in evaluate(module, table)]
    return []


def evaluate(module: str, node: ast.expr) -> Any:
    """The text of a pattern: of a constant, or of what the module's own names make. What is escaped in it is a word."""
    expression = ast.fix_missing_locations(ast.Expression(Escaped().visit(copy.deepcopy(node))))
    code = compile(expression, module, "eval")
    return eval(code, dict(vars(importlib.import_module(module))))  # our own source


@cache
def all_uses() -> list[Use]:
    return [found for module, tree in modules() for found in uses_in(module, tree)]


def literals(pattern: Pattern) -> list[str]:
    """Words that a text must hold for the pattern to go on, as far as they are written out in it."""
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    return sorted(set(re.findall(r"[A-Za-z_]{3,}|://|-{4}", re.sub(r"\\[a-zA-Z]|\(\?[a-z]+[:)]", " ", text))))


def seconds(use: Use, text: str) -> float:
    data = text if isinstance(use.pattern.pattern, str) else text.encode()
    start = time.process_time()
    for name in use.functions:
        function = getattr(use.pattern, name)
        found = function(data[:0], data) if name in ("sub", "subn") else function(data)
        if name == "finditer":
            deque(found, maxlen=0)  # a long list would have what it costs to look for garbage among all that pytest has
    return time.process_time() - start


def is_quick(use: Use, text: str, most: float) -> bool:
    """Once in three times: what else the machine does takes of processor time, too."""
    return any(seconds(use, text) < most for _ in range(3))


def run_of(before: str, unit: str, size: int) -> str:
    return (before + unit * (size // len(unit))) + "\n!"


def all_patterns() -> Iterator[Use]:
    """Each pattern once, with all functions that are called with it anywhere."""
    by_pattern: dict[Pattern, list[Use]] = {}
    for use in all_uses():
        by_pattern.setdefault(use.pattern, []).append(use)
    for pattern, uses in by_pattern.items():
        yield Use(uses[0].where, pattern, frozenset().union(*(use.functions for use in uses)))


@pytest.mark.parametrize("unit", DECISIVE)
def test_decisive_runs_take_a_time_in_proportion_to_the_text(unit: str) -> None:
    for use in all_patterns():
        for start in ("", *literals(use.pattern)[-1:]):
            # the short one first: what is quadratic would take minutes with the other
            for size, most in ((SHORT, SHORT_SECONDS), (5 * SHORT, LONG_SECONDS)):
                assert is_quick(use, run_of(start, unit, size), most), (use.where, start, unit)


@pytest.mark.all
@pytest.mark.parametrize("use", all_uses(), ids=lambda use: use.where)
def test_it_takes_a_time_in_proportion_to_the_text(use: Use) -> None:
    words = [f"{word}{end}" for word in literals(use.pattern) for end in ("", " ")]
    for start, units in [("", (*RUNS, *words)), *((word, RUNS[::4]) for word in words)]:
        for unit in units:
            assert is_quick(use, run_of(start, unit, SHORT), SHORT_SECONDS), (start, unit)
    for unit in RUNS[:12]:
        assert is_quick(use, run_of(words[-1] if words else "", unit, LONG), LONG_SECONDS), unit


def test_patterns_are_found_wherever_they_stand() -> None:
    found = {use.where.split(":")[0] for use in all_uses()}
    assert found > {
        "firmware.store.confidential",
        "firmware.printable",
        "firmware.http11.json_body",
        "firmware.rc.words",
    }
    assert "firmware.patterns" not in found
    assert len(all_uses()) >= 25


@pytest.mark.all(but=["nested", "run"])
@pytest.mark.parametrize(
    "pattern", [r"(a*)*b", r"[^,]*=x", r"(?m) *(?:[a-z]+ +)?key"], ids=["nested", "run", "optional"]
)
def test_one_that_is_quadratic_would_be_found(pattern: str) -> None:
    slow = Use("here", re.compile(pattern), frozenset(["search"]))
    size = 22 if "*)*" in pattern else SHORT
    assert any(seconds(slow, run_of("", unit, size)) > SHORT_SECONDS for unit in DECISIVE)
