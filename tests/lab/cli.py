"""The command line of `nodes`. What `exec` does not need is imported late."""

import os
import sys

from state import KINDS, Misuse, Trouble, known_kind, node_number, open_init, require_hub

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
#: the exit status of `exec` where the command could not even be tried
NO_NODE = 125
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


def main(words: list[str]) -> int:
    """One command; returns the exit status."""
    _fill_streams()
    try:
        options, words = _options(words)
        if not words or words[0] in ("help", "--help", "-h"):
            print(HELP, file=sys.stdout if words else sys.stderr)
            return 0 if words else 2
        state = os.path.abspath(options["--state"])
        kind = _kind(state, options["--kind"])
        if os.geteuid() != 0 and kind == "lab":
            raise Trouble("only root can make nodes of this kind")
        if words[0] == "exec" and len(words) > 2:
            return _execute(state, kind, node_number(words[1]), words[2:])
        _carry_out(state, kind, options, words)
        return 0
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
    return options, words


def _kind(state: str, asked: str) -> str:
    """Of what kind the nodes are: as the state directory knows it. Trouble if another one is asked for."""
    known = known_kind(state)
    if known and asked not in ("", known):
        raise Trouble(
            f"--kind {asked}: {state} has nodes of kind {known}\nhint: leave --kind out; or nodes down, first"
        )
    return known or asked or "lab"


def _execute(state: str, kind: str, number: int, argv: list[str]) -> int:
    if kind == "lab":
        from inside import execute

        return execute(open_init(state, number), argv)
    from remote import Remote

    require_hub(state)
    home = f"{state}/{number}"
    if not os.path.isdir(home):
        raise Trouble(f"there is no node {number}")
    return Remote(home, number).execute(argv)


def _carry_out(state: str, kind: str, options: dict[str, str], words: list[str]) -> None:
    from pathlib import Path

    import verbs

    verbs.carry_out(Path(state), kind, options, words)


def _fill_streams() -> None:
    """Whatever of the three streams is closed becomes /dev/null, so that nothing else takes its number."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(handle, True)
    os.close(handle)
