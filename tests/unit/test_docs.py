"""The documents: short lines, links that lead somewhere, and names of files, modules, functions and targets that exist."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PROJECT = next(path for path in Path(__file__).resolve().parents if (path / "image.mk").exists())
TOP = PROJECT / "firmware"
DOCUMENTS = [*sorted(PROJECT.glob("*.md")), *sorted((PROJECT / "docs").glob("*.md"))]
#: where a path of a document may begin
ROOTS = (PROJECT, TOP, PROJECT / "buildroot/board")
#: what stands on a node, or what a build makes, and not in the sources
ELSEWHERE = ("build/", "booted/", "OUTPUT/", "mk/")
LONGEST, README_LINES = 130, 120

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def prose(document: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not code, with their numbers."""
    for number, line in enumerate(document.read_text().splitlines(), 1):
        if not line.startswith("    "):
            yield number, line


def quoted(document: Path) -> list[str]:
    """What stands between backticks, and the first column of code, which names functions."""
    text = document.read_text()
    return [words.replace("\n", " ") for words in re.findall(r"`([^`]+)`", text)] + re.findall(r"(?m)^    (\S+)", text)


@each_document
def test_no_line_of_prose_is_long(document: Path) -> None:
    long = [f"{document.name}:{number}: {len(line)}" for number, line in prose(document) if len(line) > LONGEST]
    assert not long


def test_the_readme_is_short() -> None:
    assert len((PROJECT / "README.md").read_text().splitlines()) <= README_LINES


@each_document
def test_links_lead_somewhere(document: Path) -> None:
    for name, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", document.read_text()):
        target = document.parent / name if name else document
        assert target.exists(), f"{document.name} links to {name}"
        assert not anchor or anchor in anchors(target), f"{document.name} links to {name}#{anchor}"


def anchors(document: Path) -> set[str]:
    """The names that its headings have in links."""
    headings = re.findall(r"(?m)^#+ (.*)$", document.read_text())
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_part_of_the_firmware_stands_in_the_picture_of_the_layers() -> None:
    text = (PROJECT / "HACKING.md").read_text()
    picture = text[text.index("## The layers") :].partition("\n## ")[0]
    parts = {path.stem for path in TOP.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert not parts - set(re.findall(r"\w+", picture)) - {"__init__"}


@each_document
def test_paths_exist(document: Path) -> None:
    if document.name == "CHANGES.md":
        return
    for path in filter(is_path, quoted(document)):
        there = path.partition("NAME")[0]  # it stands for any name
        assert any((root / there).exists() for root in ROOTS), f"{document.name} names {path}"


def is_path(words: str) -> bool:
    """Is it meant as a file or a directory of the sources?"""
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", words) or words.startswith(ELSEWHERE):
        return False
    top = words.partition("/")[0]
    return words.endswith((".py", ".mk", ".md")) or ("/" in words and any((root / top).is_dir() for root in ROOTS))


@each_document
def test_modules_and_functions_exist(document: Path) -> None:
    if document.name == "CHANGES.md":
        return
    for name in filter(is_name, quoted(document)):
        assert exists(name.removeprefix("firmware.").split("."), TOP), f"{document.name} names {name}"


def is_name(words: str) -> bool:
    """Is it meant as a module of the firmware, or as something in one?"""
    if not re.fullmatch(r"[a-z_]\w*(\.\w+)+", words) or words.endswith((".cfg", ".rc", ".py", ".json", ".md")):
        return False
    first = words.removeprefix("firmware.").partition(".")[0]
    return (TOP / first).is_dir() or (TOP / f"{first}.py").exists()


def exists(parts: list[str], place: Path) -> bool:
    """Whether a package, a module, or what stands in one has that name."""
    if not parts:
        return True
    if (place / parts[0]).is_dir():
        return exists(parts[1:], place / parts[0])
    module = place / f"{parts[0]}.py"
    return module.exists() and defined(parts[1:], ast.parse(module.read_text()))


def defined(parts: list[str], body: ast.Module | ast.ClassDef) -> bool:
    if not parts:
        return True
    found = next((node for node in body.body if parts[0] in names_of(node)), None)
    return found is not None and (len(parts) == 1 or (isinstance(found, ast.ClassDef) and defined(parts[1:], found)))


def names_of(node: ast.stmt) -> set[str]:
    """The names that a statement gives a value to."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}


def test_names_that_are_mentioned_exist() -> None:
    """In docstrings, comments and documents: those with an underscore, which no word of a configuration file has."""
    sources = [path for top in ("firmware", "native", "tests", "buildroot") for path in (PROJECT / top).rglob("*")]
    texts = {path: path.read_text() for path in (*TOP.rglob("*.py"), *DOCUMENTS)}
    known = {path.stem for path in sources} | {"net_bind_service"}
    known |= {word for text in texts.values() for word in re.findall(r"\w+", re.sub(r"`[^`\n]*`", "", text))}
    known |= {word for path in (PROJECT / "tests").rglob("*.py") for word in re.findall(r"def (\w+)", path.read_text())}
    for path, text in texts.items():
        for name in re.findall(r"`([a-z]\w*_\w*)(?:\(\w*\))?`", text):
            assert name in known, f"{path.relative_to(PROJECT)} mentions {name}"


@cache
def targets() -> set[str]:
    return set(re.findall(r"(?m)^([a-z-]+):", (PROJECT / "image.mk").read_text()))


@each_document
def test_make_targets_exist(document: Path) -> None:
    named = re.findall(r"make -f image\.mk ([a-z-]+)", document.read_text().replace("\n", " "))
    assert not set(named) - targets()
