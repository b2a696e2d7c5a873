"""Save what is below /etc, never in the middle of a push: what may still be undone is not made to last."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from firmware.errors import Failure, Invalid, Refused
from firmware.flows.recovery import recover, refuse_while_waiting
from firmware.locks import SWAP, hold, service_lock
from firmware.printable import quote_path
from firmware.rc import check, document
from firmware.rc.document import Block
from firmware.services import applied, catalog, lifecycle
from firmware.services.definition import Service
from firmware.store import generations, rules, tree
from firmware.store.generations import Save
from firmware.sync import transaction


def save(message: str, *, who: str) -> Save:
    """Make what runs a new generation on flash. Refused while a push waits to be confirmed here. Its notes also say what is
    not as it was meant: errors of config.rc, services with what was never applied, and what cannot be saved."""
    with settled():
        done = generations.save(message, who=who)
    return replace(done, notes=(*done.notes, *_doubts()))


def _doubts() -> Iterator[str]:
    if wrong := check.text_problems(document.load(), document.PATH, catalog.find):
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        yield f"{wrong[0]}{more}: at a boot, what is wrong there may not start (config check)"
    yield from _untried()
    if odd := tree.unsavable(rules.own()):
        more = f" and {len(odd) - 1} more" if len(odd) > 1 else ""
        yield f"not saved: {quote_path(odd[0])}{more}: neither file, directory nor link"


def _untried() -> Iterator[str]:
    """The services that a boot starts, and that are saved with what has not been applied here: does it let them start?"""
    for block in document.scan(document.load())[0].firsts:
        service = catalog.find(block.name)
        wanted = block.enabled and block.flag("autostart", True)
        if service is not None and wanted and (doubt := _doubt(service, block)):
            yield f"service {block.title}: saved with {doubt}"


def _doubt(service: Service, block: Block) -> str:
    """What is wrong with it, "" if it is applied. What cannot be found out does not make a failure of a save that is done."""
    try:
        if not applied.needs_apply(service, block):
            return ""
        with hold(service_lock(block.title), wait=False):
            lifecycle.require_valid(service, block)
    except Invalid as error:
        first = error.problems[0] if error.problems else str(error)
        return f"what is invalid: {first}: at a boot, it will not start (service {block.title} check)"
    except (Failure, OSError):  # somebody is at work on it, or there is no room to check it
        pass
    return f"what has not been applied (service {block.title} apply)"


@contextmanager
def settled() -> Iterator[None]:
    """Keep pushes out, for who deals with all of /etc; what an interrupted one left is seen to first. Refused while one
    waits to be confirmed."""
    recover()
    with hold(SWAP):
        refuse_while_waiting()
        if titles := transaction.open_titles():
            raise Refused(f"a push of {', '.join(titles)} was interrupted", "service csyncd restart sees to it")
        yield
