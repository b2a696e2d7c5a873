"""The daemon csyncd: the pair as it sees it, and the two kinds of sockets that it serves. Start with `daemon`."""

from firmware.sync import CONTROL

__all__ = ["CONTROL"]
