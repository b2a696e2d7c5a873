"""One WebSocket of a browser's tab, and the channels in it: what is live, and terminals.

Texts are JSON: {"open": N, "channel": NAME, "params": {…}}, {"to": N, "message": {…}} and {"close": N} from the browser,
{"from": N, "message": {…}} and {"end": N, "problem": {…} or null} to it. Bytes have the number of their channel before them, as
four bytes, the highest first. Each channel is a connection to the session. A browser that does not read what comes stops its
channels, for nothing of theirs is read meanwhile.
"""

import asyncio
import contextlib
import json
import re
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from firmware import frames
from firmware.errors import Failure
from firmware.frames import DATA, END, MESSAGE
from firmware.wui.credentials import Credentials
from firmware.wui.refusals import refusal
from firmware.wui.request import Request, problem
from firmware.wui.root_half import Connection

#: channels in one tab
MOST = 32
#: bytes of a message from the browser
LIMIT = 1 << 19
#: seconds in which the root half has to take what is sent to a channel
PATIENCE = 15.0

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}(/[a-z0-9-]{1,32}){0,3}\Z")
_NUMBER = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel that is open, and the task that reads from it."""

    connection: Connection
    reading: asyncio.Task[None]


class Tab:
    """The channels of one WebSocket; `send` sends a text or bytes and returns once they are on their way."""

    def __init__(
        self, request: Request, credentials: Credentials, send: Callable[[str | bytes], Awaitable[None]]
    ) -> None:
        self._request, self._credentials, self._send = request, credentials, send
        self._channels: dict[int, Channel] = {}

    async def hear(self, said: str | bytes) -> None:
        """What the browser says. Failure if it makes no sense; what is meant for a channel that has ended is nobody's."""
        if isinstance(said, bytes):
            await self._pass_on(_number_before(said), *frames.encode_data(said[_NUMBER.size :]))
            return
        message = _parse_message(said)
        if "open" in message:
            await self._open(_number(message["open"]), message)
        elif "to" in message:
            await self._pass_on(_number(message["to"]), frames.encode_message(_object(message, "message")))
        elif "close" in message:
            await self._close(_number(message["close"]))
        else:
            raise Failure("the message: neither open nor to nor close")

    async def end(self) -> None:
        """The WebSocket is gone."""
        for number in list(self._channels):
            await self._close(number)

    async def _open(self, number: int, message: Mapping[str, Any]) -> None:
        if number in self._channels:
            raise Failure("the message: a channel of that number is open")
        name, params = message.get("channel"), _object(message, "params")
        if not isinstance(name, str) or not _NAME.match(name):
            await self._tell_end(number, _body(problem(404, "there is no such channel")))
            return
        if len(self._channels) >= MOST:
            await self._tell_end(number, _body(problem(429, f"{MOST} channels are open in this tab", "close some")))
            return
        try:
            connection = await self._connect(name, params)
        except Failure as error:
            await self._tell_end(number, _body(refusal(error)))
            return
        self._channels[number] = Channel(connection, asyncio.create_task(self._read(number, connection)))

    async def _connect(self, name: str, params: Mapping[str, Any]) -> Connection:
        session, connection = await self._credentials.open(self._request)
        asked = {"method": "CHANNEL", "path": f"/{name}", "query": params}
        who = {"secret": session.secret, "address": self._request.address}
        with contextlib.suppress(OSError):  # what it has said before it went is read below
            await connection.send(frames.encode_message({**asked, **who}))
        return connection

    async def _read(self, number: int, connection: Connection) -> None:
        try:
            problem_ = await self._read_until_end(number, connection)
        except Failure as error:
            problem_ = _body(refusal(error))
        if self._channels.pop(number, None):
            await connection.end()
            await self._tell_end(number, problem_)

    async def _read_until_end(self, number: int, connection: Connection) -> Mapping[str, Any] | None:
        while frame := await connection.read_frame():
            if frame.kind == DATA:
                await self._send(_NUMBER.pack(number) + frame.content)
            elif frame.kind == MESSAGE:
                await self._send(json.dumps({"from": number, "message": frame.body}))
            elif frame.kind == END:
                return frame.body or None
        _, again = await self._credentials.open(self._request)  # Over if that was the reason
        again.close()
        return _body(problem(502, "the part of the web UI that acts has ended the channel"))

    async def _pass_on(self, number: int, *frames_: bytes) -> None:
        channel = self._channels.get(number)
        if channel is None:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                for frame in frames_:
                    await channel.connection.send(frame)
        except TimeoutError:
            await self._close(number)
            await self._tell_end(number, _body(problem(503, "the channel does not take what is sent to it")))
        except OSError:  # it has ended: what it said is being read
            pass

    async def _close(self, number: int) -> None:
        if channel := self._channels.pop(number, None):
            channel.reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await channel.reading
            await channel.connection.end()

    async def _tell_end(self, number: int, problem_: Mapping[str, Any] | None) -> None:
        await self._send(json.dumps({"end": number, "problem": problem_}))


def _body(answer: Any) -> Mapping[str, Any]:
    body: Mapping[str, Any] = json.loads(answer.body)
    return body


def _parse_message(text: str) -> Mapping[str, Any]:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise Failure("the message: it is not JSON") from None
    if not isinstance(message, dict):
        raise Failure("the message: it is not a JSON object")
    return message


def _object(message: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = message.get(name, {})
    if not isinstance(found, dict):
        raise Failure(f"the message: {name} is not a JSON object")
    return found


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 32:
        raise Failure("the message: not the number of a channel")
    return value


def _number_before(data: bytes) -> int:
    if len(data) < _NUMBER.size:
        raise Failure("the message: too short for the number of a channel")
    return int(_NUMBER.unpack_from(data)[0])
