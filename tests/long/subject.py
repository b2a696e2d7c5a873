"""Something that has to survive power cuts, as `crash_states.py` needs to know it, and the disk that it lies on."""

import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

LAYOUT = Path(__file__).resolve().parents[2] / "buildroot/board/genimage.cfg"

#: what may be found in parts, each of which is what it was after the last step that was acknowledged, or after the one under way
Found = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Disk:
    """How many bytes it has, and what mke2fs is told to make an ext4 on it; None where there is no file system."""

    size: int
    options: tuple[str, ...] | None

    def make(self, path: Path) -> None:
        """A new one in a file."""
        with path.open("wb") as file:
            file.truncate(self.size)
        if self.options is not None:
            subprocess.run(["mke2fs", "-q", "-t", "ext4", *self.options, str(path)], check=True)


def from_layout(label: str, layout: Path = LAYOUT) -> Disk:
    """The partition with this label, as a unit has it: by the words of the image's build."""
    words = re.search(
        rf'label = "{label}"[^}}]*?extraargs = "([^"]*)"[^}}]*}}\s*size = (\d+)M', layout.read_text(), re.DOTALL
    )
    assert words is not None
    return Disk(int(words[2]) << 20, tuple(words[1].split()))


#: a flash as units had it that were made earlier: mke2fs chose all but the size
EARLIER_FLASH = Disk(64 << 20, ("-b", "1024", "-I", "256"))


@dataclass(frozen=True, slots=True)
class Subject:
    """`steps` are done one after the other on a mounted disk; each returns once it is acknowledged, and what a reader has to find
    then, whatever happens. `read` is how the product reads it at a boot; what it says may be of no older step. Where the disk has
    no file system, both are given the device."""

    name: str
    steps: tuple[Callable[[Path], Found], ...]
    read: Callable[[Path], Found]
    disk: Disk
