"""How keepalived runs as a daemon of ours: its main file, its arguments, and a reload that says whether it worked."""

from firmware.services.definition import Argv, Context, Outcome, Running
from firmware.services.keepalived import checker

#: the file that keepalived is started with, below `Context.generated`
MAIN = "keepalived.conf"
#: seconds that a reload has
RELOAD_SECONDS = 20.0

_POLL = 0.02
_DONE, _REFUSED = "Reload complete", "failed validation"


def main_file(*definitions: str) -> str:
    """What keepalived reads first, before the operator's file."""
    return "global_defs {\n" + "".join(f"    {line}\n" for line in ("enable_script_security", *definitions)) + "}\n"


def arguments(context: Context, kind: str, directory: str) -> Argv:
    """In the foreground, for addresses (`vrrp`) or for layer 4 (`ipvsd`), with pid files of its own below `directory`."""
    child = ["-r" if kind == "vrrp" else "-c", f"{directory}/child.pid"]
    return [
        "keepalived", "-n", "-l", "-D", checker.KINDS[kind], "-f", str(context.generated / MAIN),
        "-p", f"{directory}/keepalived.pid", *child,
    ]  # fmt: skip


def check_arguments(context: Context, kind: str, path: str) -> Argv:
    """keepalived's checker, for the main file and the operator's file that it includes ("" for none)."""
    return ["/usr/bin/python3", "-I", checker.__file__, str(context.generated / MAIN), *([path, kind] if path else [])]


def reload(running: Running, *, seconds: float = RELOAD_SECONDS) -> Outcome:
    """Signal it, and wait for its own word. Only keepalived writes to that log; nothing that a client says goes there."""
    import time

    deadline = time.monotonic() + seconds
    running.signal("HUP")
    while time.monotonic() < deadline:
        time.sleep(_POLL)
        said = running.log_text()
        if _DONE in said:
            return Outcome(0, "keepalived has loaded it")
        if _REFUSED in said or running.has_ended():
            return Outcome(1, said or "keepalived ended")
    return Outcome(1, f"keepalived did not say after {seconds:g} s that it has loaded it")
