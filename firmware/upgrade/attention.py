"""What everybody who looks at this node is to know of its slots: an upgrade that was given up. It stands below /run, for whoever
logs in, until somebody has said that he knows or another upgrade begins; the note about the last upgrade outlives a reboot.
"""

from collections.abc import Sequence
from pathlib import Path

from firmware import files
from firmware.printable import escape

PATH = Path("/run/firmware/slots/attention")
#: what each line begins with, for a login shell shows the file as it is
_MARK = "ATTENTION: "
#: what to do about it: there, and there again, or here with ""
_REMEDY = "upgrade status{0} says more; upgrade install{1} writes the other slot anew, and upgrade confirm{1} says that you know"


def put(lines: Sequence[str], path: Path = PATH) -> None:
    """Have everybody told these lines, and no others."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.write(path, "".join(f"{_MARK}{escape(line)}\n" for line in lines).encode(), mode=0o644)


def read(path: Path = PATH) -> tuple[str, ...]:
    """What everybody is told; nothing where there is nothing to say."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ()
    return tuple(line.removeprefix(_MARK) for line in lines)


def clear(path: Path = PATH) -> bool:
    """Tell nobody anything any more; returns whether there was something."""
    said = path.exists()
    path.unlink(missing_ok=True)
    return said


def problem(path: Path = PATH) -> str:
    """All of it on one line; "" for nothing."""
    return "; ".join(read(path))


def remedy(node: int | None = None) -> str:
    """What to do about it: on that node, or here."""
    return _REMEDY.format(f" on node {node}", " there") if node else _REMEDY.format("", "")
