"""A line that loses, doubles, flips and delays bytes, and a pair of such lines between two threads."""

import heapq
import math
import os
import random
import select
import threading
import time
from collections import Counter

#: what becomes of a byte
KINDS = ("lost", "doubled", "flipped", "delayed")
#: seconds by which one is delayed, at most
_DELAY = 0.03


class NoisyRelay:
    """Carries bytes between two descriptors, both ways, and spoils one in so many; a relay is a cable that can be pulled."""

    def __init__(self, one: int, other: int, one_in: int, seed: int) -> None:
        self._ends, self._one_in, self._random = (one, other), one_in, random.Random(seed)
        self._waiting: list[tuple[float, int, bytes]] = []
        self._wake, self._stop = os.pipe()
        self._sound = self._next_sound()
        self.cut = False
        self.spoiled: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Carry nothing more. The descriptors stay open."""
        os.close(self._stop)
        self._thread.join()
        os.close(self._wake)

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([*self._ends, self._wake], [], [], 0.002 if self._waiting else None)
            if self._wake in ready:
                return
            for end, target in (self._ends, self._ends[::-1]):
                if end in ready:
                    try:
                        data = os.read(end, 4096)
                    except OSError:  # nobody has the other side open now
                        time.sleep(0.01)
                        continue
                    self._pass_on(target, data)
            while self._waiting and self._waiting[0][0] <= time.monotonic():
                _, target, data = heapq.heappop(self._waiting)
                os.write(target, data)

    def _pass_on(self, target: int, data: bytes) -> None:
        if self.cut:
            return
        spoiled, place = bytearray(), 0
        while (bad := place + self._sound) < len(data):
            spoiled += data[place:bad]
            self._spoil(spoiled, target, data[bad])
            self._sound, place = self._next_sound(), bad + 1
        self._sound -= len(data) - place
        spoiled += data[place:]
        if spoiled:
            os.write(target, bytes(spoiled))

    def _next_sound(self) -> int:
        """How many bytes come through before the next one is spoiled, where each is with the same chance."""
        if self._one_in == 0:
            return 1 << 62
        return int(math.log(1 - self._random.random()) / math.log(1 - 1 / self._one_in))

    def _spoil(self, spoiled: bytearray, target: int, byte: int) -> None:
        kind = self._random.choice(KINDS)
        self.spoiled[kind] += 1
        if kind == "doubled":
            spoiled += bytes((byte, byte))
        elif kind == "flipped":
            spoiled.append(byte ^ 1 << self._random.randrange(8))
        elif kind == "delayed":
            due = time.monotonic() + self._random.random() * _DELAY
            heapq.heappush(self._waiting, (due, target, bytes((byte,))))
