"""Where saving finds things. Product code uses NODE; what else there is, is for tests."""

from dataclasses import dataclass
from pathlib import Path

from firmware import locks

#: the name under which every path below `Paths.etc` is known, wherever that lies
ETC = Path("/etc")
CONFIG = "/etc/config.rc"


@dataclass(frozen=True, slots=True)
class Paths:
    """The running configuration, the factory's, the flash partition, and what is known until the next boot."""

    etc: Path = ETC
    factory: Path = Path("/usr/share/factory/etc")
    flash: Path = Path("/flash")
    run: Path = Path("/run/firmware")

    @property
    def repository(self) -> Path:
        """The directory of the saved generations."""
        return self.flash / "config"

    @property
    def saved_state(self) -> Path:
        """What a reboot would bring back, so that nobody needs the flash to know. It has a directory to be watched in."""
        return self.run / "saved" / "state.json"

    @property
    def greeting(self) -> Path:
        """What whoever logs in is told of what is saved, if that is not as it should be."""
        return self.run / "saved" / "attention"

    @property
    def flash_lock(self) -> Path:
        """Held by whoever uses the flash."""
        return self.run / "lock" / locks.FLASH.name

    @property
    def config_lock(self) -> Path:
        """Held by whoever edits config.rc."""
        return self.run / "lock" / locks.CONFIG.name

    def in_etc(self, path: str) -> Path:
        """Where the path `/etc/…` lies."""
        return self.etc / path[len("/etc/") :]

    def in_factory(self, path: str) -> Path:
        """Where the factory's own `/etc/…` lies."""
        return self.factory / path[len("/etc/") :]


def relative_path(path: str) -> str:
    """The path `/etc/…` as one below /etc, wherever that lies."""
    return path.removeprefix(f"{ETC}/")


NODE = Paths()
