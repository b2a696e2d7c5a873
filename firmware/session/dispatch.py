"""One request of a session: which row of the table it is, whether this account may, and the answer, frame by frame."""

import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any
from urllib.parse import unquote

from firmware import frames, typed_values
from firmware.errors import Failure, Usage
from firmware.session import problem
from firmware.session.conversation import Conversation, Ended
from firmware.session.endpoint import ADMIN, Call, Channel, Download, Endpoint
from firmware.session.problem import HttpProblem
from firmware.session.table import CHANNELS, ENDPOINTS

#: the method of a channel
CHANNEL = "CHANNEL"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: method, path below /api/v1 as it stands in the URL, query."""

    method: str
    path: str
    query: Mapping[str, Any]


def parse_request(body: Mapping[str, Any]) -> Request:
    """What the first frame of an exchange asks for; Usage if that is nothing that could be asked for."""
    method, path, query = body.get("method"), body.get("path"), body.get("query", {})
    if not isinstance(method, str) or not isinstance(path, str) or not isinstance(query, dict):
        raise Usage("the request: method, path or query is missing, or of another type")
    return Request(method, path, query)


def answer(connection: socket.socket, request: Request, call: Call) -> None:
    """Answer one request on that connection, whatever becomes of it."""
    try:
        endpoint, found = find_endpoint(request)
        require_role(call, endpoint.role)
        given = _arguments(endpoint, request, found, call, _body_pieces(connection))
        result = endpoint.function(**given)
    except Exception as error:
        send_problem(connection, problem.as_failure(error))
        return
    send_result(connection, result)


def find_endpoint(request: Request, table: Sequence[Endpoint] = ENDPOINTS) -> tuple[Endpoint, dict[str, str]]:
    """The row for that request, and the values in its path; HttpProblem if there is none."""
    rows = [(row, found) for row in table if (found := match_path(row.path, request.path)) is not None]
    if not rows:
        raise HttpProblem(404, f"{request.path[:200]}: there is no such path", "GET /api/v1/openapi.json lists them")
    method = "GET" if request.method == "HEAD" else request.method
    for row, found in rows:
        if row.method == method:
            return row, found
    allowed = ", ".join(sorted({row.method for row, _ in rows}))
    raise HttpProblem(405, f"{request.method[:20]}: here it is one of {allowed}", headers={"Allow": allowed})


def find_channel(request: Request, table: Sequence[Channel] = CHANNELS) -> tuple[Channel, dict[str, str]]:
    """The same for a channel."""
    for row in table:
        if (found := match_path(row.path, request.path)) is not None:
            return row, found
    raise HttpProblem(404, f"{request.path[:200]}: there is no such channel")


def match_path(pattern: str, path: str) -> dict[str, str] | None:
    """The values that a path has where the pattern says {name}; None where it does not fit."""
    wanted, given = pattern.split("/"), path.split("/")
    if len(wanted) != len(given):
        return None
    result = {}
    for name, word in zip(wanted, given, strict=True):
        if name.startswith("{"):
            result[name[1:-1]] = unquote(word, errors="strict") if _is_decodable(word) else ""
        elif name != word:
            return None
    return result if all(result.values()) else None


def _is_decodable(word: str) -> bool:
    try:
        return "\0" not in unquote(word, errors="strict")
    except UnicodeDecodeError:
        return False


def require_role(call: Call, role: str) -> None:
    """HttpProblem for an account that may only look."""
    if role == ADMIN != call.role:
        raise HttpProblem(403, f"account {call.session.account} may only look", "log in with an account of role admin")


def _arguments(
    row: Endpoint, request: Request, found: Mapping[str, str], call: Call, pieces: Iterator[bytes]
) -> dict[str, Any]:
    """What the function of that row takes, of what was sent."""
    wanted = typed_values.annotations(row.function)
    given: dict[str, Any] = {**found}
    if "call" in wanted:
        given["call"] = call
    if "query" in wanted:
        given["query"] = typed_values.read_words(request.query, wanted["query"])
    if "stream" in wanted:
        given["stream"] = pieces
    else:
        body = _collect(pieces)
        if "body" in wanted:
            given["body"] = typed_values.read_object(typed_values.parse_json(body) if body else {}, wanted["body"])
    return given


def _body_pieces(connection: socket.socket) -> Iterator[bytes]:
    """The body, as it comes; Failure if it breaks off."""
    while True:
        frame = frames.receive_frame(connection)
        if frame is None:
            raise Failure("the body: the connection ended in the middle of it")
        if frame.kind == frames.END:
            return
        if frame.kind != frames.DATA:
            raise Failure("the body: a message where bytes belong")
        yield frame.content


def _collect(pieces: Iterator[bytes]) -> bytes:
    result = bytearray()
    for piece in pieces:
        result += piece
        if len(result) > typed_values.MAX_JSON:
            raise HttpProblem(413, f"the body: more than {typed_values.MAX_JSON} bytes")
    return bytes(result)


def send_result(connection: socket.socket, result: Any) -> None:
    """Send what a function has answered."""
    if isinstance(result, Download):
        frames.send_message(connection, _head(result))
        _send_pieces(connection, result.pieces)
        return
    if result is None:
        frames.send_message(connection, {"status": 204})
    else:
        frames.send_message(connection, {"status": 200, "type": "application/json"})
        frames.send_data(connection, json.dumps(as_json(result)).encode("ascii"))
    frames.send_end(connection)


def _head(download: Download) -> dict[str, Any]:
    return {"status": 200, "type": download.type, "name": download.name, "headers": dict(download.headers)}


def _send_pieces(connection: socket.socket, pieces: Iterator[bytes]) -> None:
    """What breaks off is told at the end: the status has been sent."""
    try:
        for piece in pieces:
            frames.send_data(connection, piece)
    except (Failure, OSError) as error:
        frames.send_end(connection, problem.describe_any(error))
        return
    frames.send_end(connection)


def send_problem(connection: socket.socket, error: Failure) -> None:
    """Send what went wrong."""
    head = {"status": problem.http_status(error), "type": problem.TYPE, "headers": problem.headers(error)}
    frames.send_message(connection, head)
    frames.send_data(connection, json.dumps(problem.describe(error)).encode("ascii"))
    frames.send_end(connection)


def as_json(result: Any) -> Any:
    """An answer as JSON has it: dataclasses say themselves how they are written, or else field by field."""
    if hasattr(result, "json"):
        return result.json()
    if is_dataclass(result) and not isinstance(result, type):
        return asdict(result)
    return [as_json(one) for one in result] if isinstance(result, list | tuple) else result


def converse(row: Channel, request: Request, found: Mapping[str, str], call: Call, talk: Conversation) -> None:
    """Serve a channel until its function returns; a Failure ends it with a problem."""
    wanted, given = typed_values.annotations(row.function), dict[str, Any](found)
    try:
        if "call" in wanted:
            given["call"] = call
        if "query" in wanted:
            given["query"] = typed_values.read_words(request.query, wanted["query"])
        row.function(talk=talk, **given)
    except Ended:
        raise
    except Exception as error:
        talk.end(problem.describe_any(error))
        return
    talk.end()
