"""An account that exchanges a directory of its own for a link, again and again, while root works there."""

import multiprocessing
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from firmware import native

ACCOUNT = 65534
#: what root's own walk never looks at, so that nobody takes the link away
LINK = "link~"


@contextmanager
def exchange_for_link(directory: Path, target: Path) -> Iterator[None]:
    """All the time, `directory` is itself or a link to `target`. What it lies in is given to the account that does it."""
    os.chown(directory.parent, ACCOUNT, ACCOUNT)
    other = multiprocessing.get_context("fork").Process(target=_exchange, args=(directory, target))
    other.start()
    try:
        yield
    finally:
        other.kill()
        other.join()


def _exchange(directory: Path, target: Path) -> None:
    os.chdir(directory.parent)
    os.setresgid(ACCOUNT, ACCOUNT, ACCOUNT)
    os.setresuid(ACCOUNT, ACCOUNT, ACCOUNT)
    while True:
        if not os.path.islink(directory.name) and not os.path.islink(LINK):  # root has put something else in its place
            shutil.rmtree(LINK, ignore_errors=True)
            os.symlink(target, LINK)
        with suppress(FileNotFoundError):
            for _ in range(100):
                native.exchange(directory.name, LINK)
