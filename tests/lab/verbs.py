"""What the verbs of `nodes` lead to, but for `exec`, which has to be fast."""

import os
from pathlib import Path

import lab
from state import Misuse, Trouble, node_number, number
from units import Unit, Units

PROJECT = Path(__file__).resolve().parents[2]
FACTORY_CONFIG = "usr/share/factory/etc/config.rc"


def carry_out(state: Path, kind: str, options: dict[str, str], words: list[str]) -> None:
    """Do what a command line says. Misuse where it is not understood."""
    match words:
        case ["up"]:
            _up(state, kind, options, 2)
        case ["up", count]:
            _up(state, kind, options, node_number(count))
        case ["reboot", which] if kind == "lab":
            lab.reboot(state, node_number(which))
        case ["reboot", which, *command] if kind == "qemu":
            _unit(state, which).reboot(command or ["reboot"])
        case ["cut", which] if kind == "lab":
            lab.cut(state, node_number(which))
        case ["cut", which]:
            _unit(state, which).cut()
        case ["console", which] if kind == "qemu":
            _unit(state, which).attach()
        case ["ports", which] if kind == "qemu":
            print(_unit(state, which).ports_json())
        case _:
            _carry_out_for_any_kind(state, words)


def _carry_out_for_any_kind(state: Path, words: list[str]) -> None:
    match words:
        case ["link", which, "up" | "down" as how]:
            lab.link(state, node_number(which), how == "up")
        case ["link", which, "down", "--after", size]:
            lab.link(state, node_number(which), False, after=number(size, 1 << 40, least=0))
        case ["delay", milliseconds]:
            lab.delay(state, number(milliseconds, 60_000, least=0))
        case ["down"]:
            lab.down(state)
        case _:
            raise Misuse(f"{' '.join(words)}: not understood")


def _up(state: Path, kind: str, options: dict[str, str], count: int) -> None:
    if kind == "qemu":
        image = options["--image"] or os.environ.get("IMAGE") or f"{PROJECT}/build/image/disk.img"
        Units(state).up(count, Path(os.path.abspath(image)), cold=bool(options["--cold"]))
    else:
        lab.up(state, count, _layers(os.path.abspath(options["--lower"])))


def _unit(state: Path, which: str) -> Unit:
    return Units(state).unit(node_number(which))


def _layers(lower: str) -> list[str]:
    """The layers of a node's root, topmost first."""
    if os.path.exists(f"{lower}/{FACTORY_CONFIG}"):
        return [lower]
    layer = f"{PROJECT}/build/layer"
    if not os.path.exists(f"{layer}/{FACTORY_CONFIG}"):
        raise Trouble(f"{layer} is not built\nhint: make -f image.mk env")
    return [layer, lower]
