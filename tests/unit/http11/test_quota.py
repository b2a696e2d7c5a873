"""The quota of a client: so many connections, one large body, and a reason for what is refused."""

import asyncio
from contextlib import suppress

import pytest

from firmware.http11 import quota
from firmware.http11.quota import LARGE_BODY, HttpRefusal, Quota, refuse_after


def test_a_connection_too_many_is_refused_until_another_one_ends() -> None:
    async def run() -> None:
        bound = Quota(2)
        with bound.hold_connection():
            with bound.hold_connection():
                with (
                    pytest.raises(HttpRefusal, match="more than 2 connections at a time") as raised,
                    bound.hold_connection(),
                ):
                    raise AssertionError
                assert raised.value.http_status == 503
            with bound.hold_connection():
                pass

    asyncio.run(run())


def test_a_connection_that_ends_with_an_error_makes_room_too() -> None:
    async def run() -> None:
        bound = Quota(1)
        with suppress(KeyError), bound.hold_connection():
            raise KeyError
        with bound.hold_connection():
            pass

    asyncio.run(run())


def test_one_large_body_at_a_time_and_small_ones_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota, "LARGE_BODY_SECONDS", 0.1)

    async def run() -> None:
        bound = Quota()
        async with bound.hold_body(LARGE_BODY + 1):
            async with bound.hold_body(LARGE_BODY), bound.hold_body(0):
                pass
            with pytest.raises(HttpRefusal, match="another large one") as raised:
                async with bound.hold_body(LARGE_BODY + 1):
                    raise AssertionError
            assert raised.value.http_status == 503
        async with bound.hold_body(LARGE_BODY + 1):
            pass

    asyncio.run(run())


def test_large_bodies_of_all_clients_are_answered_one_after_the_other_and_small_ones_beside_them() -> None:
    async def run() -> None:
        memory, order = asyncio.Lock(), []
        clients = [Quota(memory=memory) for _ in range(3)]

        async def answer(number: int) -> None:
            async with clients[number].hold_answer(LARGE_BODY + 1):
                order.append(f"{number} begins")
                await asyncio.sleep(0)
                async with clients[number].hold_answer(LARGE_BODY):
                    order.append(f"{number} ends")

        await asyncio.gather(*map(answer, range(3)))
        assert order == [f"{number} {what}" for number in range(3) for what in ("begins", "ends")]

    asyncio.run(run())


def test_what_is_not_done_in_time_is_refused_with_the_reason() -> None:
    async def run() -> None:
        async with refuse_after(5, 408, "never"):
            pass
        with pytest.raises(HttpRefusal, match="too late") as raised:
            async with refuse_after(0.01, 408, "too late"):
                await asyncio.sleep(5)
        assert raised.value.http_status == 408

    asyncio.run(run())
