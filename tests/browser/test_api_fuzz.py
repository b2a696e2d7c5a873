"""Whatever fits the description of the API, and whatever does not, is answered as it says: by schemathesis, over HTTPS."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from doorway import Doorway
from hypothesis import HealthCheck, given, settings
from lab_driver import Lab
from schemathesis.specs.openapi import checks as schemathesis_checks
from web_operator import PASSWORD

#: what would end the session, the node, the way to it, or take long: tried elsewhere
LEFT_OUT = {
    ("delete", "/session"), ("delete", "/sessions"), ("post", "/system/reboot"), ("post", "/config/reset"),
    ("post", "/config/rollback"), ("delete", "/accounts/{name}"), ("get", "/csync/check"), ("post", "/csync/getkey"),
    ("post", "/csync/trust"), ("delete", "/files"), ("post", "/files/move"), ("post", "/files/mode"), ("put", "/files"),
    ("put", "/files/content"), ("put", "/accounts/{name}/password"),
}  # fmt: skip

pytestmark = pytest.mark.all


@pytest.fixture(scope="module")
def door(module_lab: Lab) -> Iterator[Doorway]:
    module_lab.run(1, "sh", "-c", f"echo '{PASSWORD}' | account add admin")
    found = Doorway(module_lab, 1)
    found.open()
    yield found
    found.close()


@pytest.fixture(scope="module")
def token(door: Doorway) -> str:
    return door.lab.run(1, "account", "token", "admin", "--label", "fuzz").stdout.strip()


def description(lab: Lab, token: str) -> dict[str, Any]:
    argv = ["curl", "-sk", "-H", f"Authorization: Bearer {token}", "https://127.0.0.1:4444/api/v1/openapi.json"]
    return dict(json.loads(lab.run(1, *argv).stdout))


def is_foreseen(_: Any, response: Any, __: Any) -> None:
    """An error inside the program is never the answer, whatever was asked."""
    assert b"inside the program" not in response.content, response.content


CHECKS = [
    schemathesis_checks.status_code_conformance,
    schemathesis_checks.content_type_conformance,
    schemathesis_checks.response_schema_conformance,
    is_foreseen,
]


def test_every_answer_is_as_described(door: Doorway, token: str) -> None:
    document = description(door.lab, token)
    api = schemathesis.openapi.from_dict(document)
    api.config.update(base_url=f"{door.address}/api/v1")
    operations = [found.ok() for found in api.get_all_operations()]
    statuses: Counter[int] = Counter()
    for operation in operations:
        if (operation.method, operation.path) not in LEFT_OUT:
            _try(operation, token, statuses)
    assert statuses.total() > 20 * 30 and statuses[200] > 100 and statuses[400] > 20, statuses
    assert door.lab.run(1, "sh", "-c", "cat /run/firmware/errors.log 2>/dev/null || :").stdout == ""


def _try(operation: Any, token: str, statuses: Counter[int]) -> None:
    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def answer(case: Any) -> None:
        response = case.call(headers={"Authorization": f"Bearer {token}"}, verify=False, timeout=60)
        statuses[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    answer()
