"""Which steps are done since the node came up. Who changes something after a save has to save again."""

from pathlib import Path

NAME = "steps"
#: what changes nothing that is saved
_HARMLESS = ("hello", "self-test", "time", "identity", "check-pair", "firmware", "save", "lock")


class DoneSteps:
    """The names of steps in a file, so that an agent which is started again knows them."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME

    def names(self) -> tuple[str, ...]:
        """What is done, in the order in which it was."""
        try:
            return tuple(self._path.read_text().split())
        except FileNotFoundError:
            return ()

    def note(self, step: str) -> None:
        """A step is done."""
        self._write((*(name for name in self.names() if name != step), step))

    def forget(self, step: str) -> None:
        """A step begins anew, and is not done until it is; a save is not, where something else is set."""
        gone = {step} if step in _HARMLESS else {step, "save"}
        if gone & {*self.names()}:
            self._write(tuple(name for name in self.names() if name not in gone))

    def _write(self, names: tuple[str, ...]) -> None:
        from firmware import files

        self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        files.write(self._path, " ".join(names).encode())
