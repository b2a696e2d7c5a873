"""Which services a name stands for: `network.eth0` for itself, `network` for all of its instances in config.rc, and for the block
without one, if there is one. They come in the order in which they start.
"""

from firmware.operations.service_list import require_service
from firmware.rc import document
from firmware.rc.block import Block
from firmware.rc.title import Title
from firmware.services import states
from firmware.services.dependencies import dependencies_first


def startable_titles(title: str) -> list[str]:
    """Those that may be started: all that are not switched off."""
    found = [block.title for block in _blocks(title) if block.enabled] if _stands_for_several(title) else []
    return found or [title]


def known_titles(title: str) -> list[str]:
    """Those that config.rc has or that run, also switched off."""
    if not _stands_for_several(title):
        return [title]
    blocks = [block.title for block in _blocks(title)]
    return [*blocks, *(one for one in _titles_in_use(title) if one not in blocks)] or [title]


def running_titles(title: str) -> list[str]:
    """Those that run, or should; the title itself if none does, whatever is the matter with it."""
    return [one for one in known_titles(title) if not states.service_state(one).is_stopped] or [title]


def _stands_for_several(title: str) -> bool:
    named = Title.parse(title)
    return not named.instance and require_service(title).instances != "no"


def _blocks(title: str) -> list[Block]:
    config = document.read_tolerant()
    ordered = dependencies_first(config.first_blocks, config)
    return [block for block in ordered if block.name == Title.parse(title).service]


def _titles_in_use(title: str) -> list[str]:
    return [one for one in states.started_titles() if Title.parse(one).service == Title.parse(title).service]
