"""The command line of `nodes`. What `exec` does not need is imported late."""

import os
import sys

from state import KINDS, Trouble, kind, open_init, require_hub

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
#: the exit status of `exec` where the command could not even be tried
NO_NODE = 125
#: the highest number that a node may have: its address ends in 10 more
MOST = 200
HELP = """\
usage: nodes [--kind lab|qemu] [--state DIR] [--lower DIR] [--image FILE] [--cold] VERB …

  up [COUNT]            fresh nodes 1 to COUNT (2) with the factory /etc, booted, joined on eth0: 10.32.0.11/24, …
  exec N COMMAND…       run it on node N as root; arguments, streams and exit status pass through
  reboot N [COMMAND…]   an orderly reboot; only /flash outlives it. Of a virtual unit: one that COMMAND there leads to
  cut N                 a power cut, then power on; only /flash outlives it
  link N up|down        the cable; `down --after BYTES`: as soon as more than so many have crossed it, both ways together
  delay MS              delays traffic between the nodes by MS milliseconds each way
  down                  everything away: no process, mount, namespace or file left
  console N             a virtual unit's serial console; Ctrl-] leaves it
  ports N               the host's ports that lead to a virtual unit, as JSON

  --kind lab|qemu       containers of Linux namespaces (lab), or virtual machines that boot an image (qemu); left out, of the
                        kind that is in DIR, or else lab
  --state DIR           where this lab keeps what it must remember (build/lab); labs with different ones do not meet
  --lower DIR           the read-only root tree below each node's RAM layer (/); one that has no factory /etc of its own
                        gets build/layer laid over it
  --image FILE          the disk that virtual units start with (build/image/disk.img)
  --cold                `up` boots virtual units from power-on; else they begin where an earlier one had booted"""


class Misuse(Exception):
    """Words on the command line that make no sense."""


def main(words: list[str]) -> int:
    """One command; returns the exit status."""
    _fill_streams()
    try:
        options, words = _options(words)
        if not words or words[0] in ("help", "--help", "-h"):
            print(HELP, file=sys.stdout if words else sys.stderr)
            return 0 if words else 2
        state = os.path.abspath(options["--state"])
        virtual = _kind(state, options["--kind"]) == "qemu"
        if os.geteuid() != 0 and not virtual:
            raise Trouble("only root can make nodes of this kind")
        if words[0] == "exec" and len(words) > 2:
            return _execute(state, virtual, _number(words[1], MOST), words[2:])
        return _virtual(state, options, words) if virtual else _verb(state, options["--lower"], words)
    except Misuse as error:
        print(f"nodes: {error}\nhint: nodes --help", file=sys.stderr)
        return 2
    except (Trouble, OSError) as error:
        print(f"nodes: {error}", file=sys.stderr)
        return NO_NODE if words[0] == "exec" else 1


def _options(words: list[str]) -> tuple[dict[str, str], list[str]]:
    options = {"--kind": "", "--state": "", "--lower": "/", "--image": "", "--cold": ""}
    while words and words[0].startswith("--") and words[0] != "--help":
        if words[0] == "--cold":
            options["--cold"], words = "yes", words[1:]
            continue
        name, equals, value = words[0].partition("=")
        if name not in options or not (equals or words[1:]):
            raise Misuse(f"{words[0]}: no such option, or it lacks its value")
        options[name] = value if equals else words[1]
        words = words[1 if equals else 2 :]
    if options["--kind"] not in ("", *KINDS):
        raise Misuse(f"--kind {options['--kind']}: it is lab or qemu")
    options["--state"] = options["--state"] or f"{PROJECT}/build/{options['--kind'] or 'lab'}"
    options["--image"] = options["--image"] or os.environ.get("IMAGE") or f"{PROJECT}/build/image/disk.img"
    return options, words


def _kind(state: str, asked: str) -> str:
    """Of what kind the nodes are: as the state directory knows it. Trouble if another one is asked for."""
    known = kind(state)
    if known and asked not in ("", known):
        raise Trouble(
            f"--kind {asked}: {state} has nodes of kind {known}\nhint: leave --kind out; or nodes down, first"
        )
    return known or asked or "lab"


def _execute(state: str, virtual: bool, number: int, argv: list[str]) -> int:
    if virtual:
        import remote

        require_hub(state)
        os.chdir(state)
        if not os.path.isdir(str(number)):
            raise Trouble(f"there is no node {number}")
        return remote.execute(number, argv)
    from inside import execute

    return execute(open_init(state, number), argv)


def _verb(state: str, lower: str, words: list[str]) -> int:
    from pathlib import Path

    import lab

    where = Path(state)
    match words:
        case ["up"]:
            lab.up(where, 2, _layers(lower))
        case ["up", number]:
            lab.up(where, _number(number, MOST), _layers(lower))
        case ["reboot", number]:
            lab.reboot(where, _number(number, MOST))
        case ["cut", number]:
            lab.cut(where, _number(number, MOST))
        case ["link", number, "up" | "down" as how]:
            lab.link(where, _number(number, MOST), how == "up")
        case ["link", number, "down", "--after", size]:
            lab.link(where, _number(number, MOST), False, after=_number(size, 1 << 40, least=0))
        case ["delay", milliseconds]:
            lab.delay(where, _number(milliseconds, 60_000, least=0))
        case ["down"]:
            lab.down(where)
        case _:
            raise Misuse(f"{' '.join(words)}: not understood")
    return 0


def _virtual(state: str, options: dict[str, str], words: list[str]) -> int:
    from pathlib import Path

    import units

    where, image = Path(state), Path(os.path.abspath(options["--image"]))
    match words:
        case ["up"]:
            units.up(where, 2, image, cold=bool(options["--cold"]))
        case ["up", number]:
            units.up(where, _number(number, MOST), image, cold=bool(options["--cold"]))
        case ["reboot", number, *command]:
            units.reboot(where, _number(number, MOST), command or ["reboot"])
        case ["cut", number]:
            units.cut(where, _number(number, MOST))
        case ["console", number]:
            units.attach(where, _number(number, MOST))
        case ["ports", number]:
            print(units.ports_json(where, _number(number, MOST)))
        case _:
            return _verb(state, "/", words)
    return 0


def _layers(lower: str) -> list[str]:
    """The layers of a node's root, topmost first."""
    factory = "usr/share/factory/etc/config.rc"
    lower = os.path.abspath(lower)
    if os.path.exists(f"{lower}/{factory}"):
        return [lower]
    layer = f"{PROJECT}/build/layer"
    if not os.path.exists(f"{layer}/{factory}"):
        raise Trouble(f"{layer} is not built\nhint: make -f image.mk env")
    return [layer, lower]


def _number(word: str, most: int, least: int = 1) -> int:
    if not (word.isascii() and word.isdigit() and least <= int(word) <= most):
        raise Misuse(f"{word!r} is not a number from {least} to {most}")
    return int(word)


def _fill_streams() -> None:
    """Whatever of the three streams is closed becomes /dev/null, so that nothing else takes its number."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(handle, True)
    os.close(handle)
