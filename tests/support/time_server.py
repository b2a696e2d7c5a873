"""A time server for tests, run on a node: answers each question of NTP with the node's own clock, moved by SECONDS.

`time_server.py SECONDS` says "open" once it listens, and "asked VERSION" for the first question.
"""

import socket
import struct
import sys
import time

#: seconds between NTP's epoch and the kernel's
_EPOCH = 2208988800


def _stamp(moved: float) -> bytes:
    now = time.time() + _EPOCH + moved
    return struct.pack("!II", int(now), int(now % 1 * 2**32))


def answer(question: bytes, moved: float) -> bytes:
    """Of a server that is right by a clock of its own (stratum 1), as RFC 5905 lays it out."""
    version = question[0] >> 3 & 7
    head = struct.pack("!BBbbII4s", version << 3 | 4, 1, question[2], -20, 0, 0, b"LOCL")
    return head + _stamp(moved) + question[40:48] + _stamp(moved) + _stamp(moved)


def main() -> None:
    """Answer for as long as it lives."""
    moved, asked = float(sys.argv[1]), False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("", 123))
        print("open", flush=True)
        while True:
            question, who = server.recvfrom(512)
            if len(question) >= 48:
                server.sendto(answer(question, moved), who)
                if not asked:
                    print(f"asked {question[0] >> 3 & 7}", flush=True)
                asked = True


if __name__ == "__main__":
    main()
