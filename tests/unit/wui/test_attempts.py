"""Guessing passwords: bounded before the root half is asked at all, and nobody else is kept out."""

import asyncio
import json
from pathlib import Path

import pytest
from served_site import ServedSite, play

from firmware.wui import attempts
from firmware.wui.attempts import Attempts, TooMany


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def is_tried(found: Attempts, address: str) -> bool:
    try:
        async with found.attempt(address):
            return True
    except TooMany:
        return False


def test_an_address_has_some_at_once_and_then_one_every_few_seconds() -> None:
    async def story() -> None:
        clock = Clock()
        found = Attempts(clock)
        tried = [await is_tried(found, "a") for _ in range(100)]
        assert tried == [True] * attempts.AT_ONCE + [False] * (100 - attempts.AT_ONCE)
        assert await is_tried(found, "b"), "another address has its own"
        clock.now += attempts.SECONDS_EACH
        assert [await is_tried(found, "a") for _ in range(3)] == [True, False, False]
        with pytest.raises(TooMany) as refused:
            async with found.attempt("a"):
                pass
        clock.now += refused.value.seconds
        assert await is_tried(found, "a"), "it is right about the time"
        for _ in range(attempts.AT_ONCE):
            await is_tried(found, "a")
        found.forgive("a")
        assert [await is_tried(found, "a") for _ in range(attempts.AT_ONCE)] == [True] * attempts.AT_ONCE

    asyncio.run(story())


def test_addresses_that_are_remembered_are_bounded() -> None:
    async def story() -> None:
        found = Attempts(Clock())
        for number in range(attempts.REMEMBERED * 2):
            assert await is_tried(found, str(number))
        assert len(found._free_at) == attempts.REMEMBERED and not found._of_address and found._held == 0

    asyncio.run(story())


@pytest.mark.all(but=["1000"])
@pytest.mark.parametrize("count", [1000, 10_000])
def test_many_passwords_are_refused_in_bounded_time_and_another_address_gets_in(tmp_path: Path, count: int) -> None:
    async def story(site: ServedSite) -> None:
        site.root.seconds_of_check = 0.05
        body = json.dumps({"user": "admin", "password": "guess"}).encode()
        request = site.request("POST", "/login", body, {"Content-Type": "application/json"})

        async def guess(count: int) -> list[bytes]:
            reader, writer = await site.connect("127.0.0.9")
            found = []
            for _ in range(count):
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(
                    next(line for line in head.split(b"\r\n") if line.startswith(b"Content-Length")).split()[1]
                )
                await reader.readexactly(length)
                found.append(head[9:12])
            return found

        guessing = [asyncio.create_task(guess(count // 10)) for _ in range(10)]
        for _ in range(3):
            async with asyncio.timeout(5):
                assert (await site.log_in()).status == 200
        statuses = [status for each in await asyncio.gather(*guessing) for status in each]
        assert len(statuses) == count and set(statuses) == {b"401", b"429"}
        guessed = [login for login in site.root.logins if login["address"] == "127.0.0.9"]
        assert len(guessed) <= attempts.AT_ONCE + 30 / attempts.SECONDS_EACH
        assert max(site.root.checked_together) <= attempts.CHECKED

    play(tmp_path, story)


def test_who_has_to_wait_is_told_how_long(tmp_path: Path) -> None:
    async def story(site: ServedSite) -> None:
        for _ in range(attempts.AT_ONCE):
            assert (await site.log_in("wrong")).status == 401
        reply = await site.log_in()
        assert reply.status == 429 and 0 < int(reply.headers["retry-after"]) <= attempts.SECONDS_EACH + 1
        assert f"in {reply.headers['retry-after']} s" in reply.json["detail"]
        assert (await site.log_in(source="127.0.0.2")).status == 200

    play(tmp_path, story)


def test_many_addresses_wait_in_a_short_line(tmp_path: Path) -> None:
    async def story(site: ServedSite) -> None:
        site.root.seconds_of_check = 0.05
        replies = await asyncio.gather(*(site.log_in("wrong", source=f"127.0.1.{number}") for number in range(1, 60)))
        statuses = [reply.status for reply in replies]
        assert set(statuses) == {401, 429} and statuses.count(401) >= attempts.CHECKED + attempts.WAITING
        assert max(site.root.checked_together) <= attempts.CHECKED
        assert (await site.log_in()).status == 200

    play(tmp_path, story)
