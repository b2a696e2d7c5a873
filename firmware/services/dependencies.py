"""In which order services start: that of config.rc, but that what another one needs comes before it."""

from collections.abc import Sequence

from firmware.rc.block import Block
from firmware.rc.document import Document
from firmware.services import catalog


def dependencies_first(blocks: Sequence[Block], document: Document) -> list[Block]:
    """The blocks in file order, each after those that it needs. What needs itself by a detour stays where it stands."""
    by_title = {block.title: block for block in reversed(blocks)}
    ordered: dict[int, Block] = {}
    for block in blocks:
        _place(block, by_title, document, ordered, frozenset())
    return list(ordered.values())


def _place(
    block: Block, by_title: dict[str, Block], document: Document, ordered: dict[int, Block], above: frozenset[str]
) -> None:
    """Put it into the order, after what it needs; `above` are those that need it."""
    if id(block) in ordered:
        return
    for title in _needed_titles(block, document):
        if title in by_title and title not in above and title != block.title:
            _place(by_title[title], by_title, document, ordered, above | {block.title})
    ordered[id(block)] = block


def _needed_titles(block: Block, document: Document) -> Sequence[str]:
    service = catalog.find(block.name)
    return service.needs(block, document) if service is not None and service.needs is not None and block.enabled else ()
