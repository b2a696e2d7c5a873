"""What may be pushed at all."""

import pytest

from firmware.errors import Failure, Refused
from firmware.flows import push
from firmware.rc import document


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> None:
    found = document.parse("service network eth0\nservice network eth1\nservice wui\n")
    monkeypatch.setattr(push.document, "read", lambda: found)


def test_a_service_whose_instances_are_left_out_is_told_which_there_are(config: None) -> None:
    with pytest.raises(
        Refused, match=r"^service network: there is network.eth0, network.eth1, and it stays on this node: "
    ):
        push.require_pushable("network")
    with pytest.raises(Refused, match=r"^service network.eth0: it stays on this node: "):
        push.require_pushable("network.eth0")
    with pytest.raises(Failure, match=r"^service haproxy: it is not in /etc/config.rc"):
        push.require_pushable("haproxy")
