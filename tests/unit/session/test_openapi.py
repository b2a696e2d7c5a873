"""The description of the API says what the table of sessions dispatches, all of it and nothing else."""

import json
import re
from dataclasses import is_dataclass
from typing import Any

import pytest

from firmware import typed_values
from firmware.session import openapi, table
from firmware.session.endpoint import ADMIN, MONITOR, Endpoint

DOCUMENT = openapi.describe(table.ENDPOINTS, table.CHANNELS)


def name(row: Endpoint) -> str:
    return f"{row.method} {row.path}"


def test_every_row_is_an_operation_and_every_operation_a_row() -> None:
    described = {(method, path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert described == {(row.method.lower(), row.path) for row in table.ENDPOINTS}
    assert len({name(row) for row in table.ENDPOINTS}) == len(table.ENDPOINTS)
    assert len({row.path for row in table.CHANNELS}) == len(table.CHANNELS)


def test_it_is_json_whose_references_lead_somewhere() -> None:
    text = json.dumps(DOCUMENT)
    for reference in set(re.findall(r'"#/components/schemas/(\w+)"', text)):
        assert reference in DOCUMENT["components"]["schemas"]


def test_every_path_value_and_nothing_else_is_a_parameter_of_the_function() -> None:
    for row in table.ENDPOINTS:
        taken = set(typed_values.annotations(row.function)) - {"call", "query", "body", "stream", "return"}
        assert taken == set(re.findall(r"\{(\w+)\}", row.path)), name(row)


def test_no_two_types_have_one_name() -> None:
    kinds: dict[str, Any] = {}
    for row in table.ENDPOINTS:
        for kind in typed_values.annotations(row.function).values():
            if is_dataclass(kind) and isinstance(kind, type):
                assert kinds.setdefault(kind.__name__, kind) is kind, name(row)


@pytest.mark.parametrize("row", [row for row in table.ENDPOINTS if row.example], ids=name)
def test_every_example_is_a_body_that_is_taken(row: Endpoint) -> None:
    typed_values.read_object(row.example, typed_values.annotations(row.function)["body"])


def test_what_changes_something_is_for_admins_but_for_ones_own_session_and_password() -> None:
    """A monitor reads only."""
    own = {"DELETE /session", "DELETE /sessions", "PUT /accounts/{name}/password"}
    assert {name(row) for row in table.ENDPOINTS if row.method != "GET" and row.role == MONITOR} == own


def test_what_monitors_may_read_is_named_here() -> None:
    """Whoever adds a row for monitors thinks of secrets, and adds it here."""
    assert [name(row) for row in table.ENDPOINTS if row.method == "GET" and row.role == MONITOR] == MONITORS_READ
    assert [row.path for row in table.CHANNELS if row.role == MONITOR] == MONITORS_HEAR


MONITORS_READ = [
    "GET /session",
    "GET /services",
    "GET /services/{title}",
    "GET /services/{title}/status",
    "GET /services/{title}/setup",
    "GET /services/{title}/help",
    "GET /csync/status",
    "GET /csync/check",
    "GET /csync/log",
    "GET /csync/keys",
    "GET /config/changes",
    "GET /config/diff",
    "GET /config/history",
    "GET /haproxy/proxies",
    "GET /network",
    "GET /time",
    "GET /logs",
    "GET /logs/sources",
    "GET /logs/download",
    "GET /upgrade",
    "GET /upgrade/bundle",
    "GET /openapi.json",
]
MONITORS_HEAR = ["/proxies", "/logs", "/ping", "/traceroute", "/services", "/status", "/unsaved", "/banner"]


def test_every_row_says_its_role_and_what_it_is_for() -> None:
    for row in (*table.ENDPOINTS, *table.CHANNELS):
        assert row.role in (ADMIN, MONITOR) and row.summary
