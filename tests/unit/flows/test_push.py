"""What may be pushed at all."""

import pytest

from firmware.errors import Failure, Refused
from firmware.flows import push
from firmware.rc import document
from firmware.services.definition import Service
from firmware.sync.proposal import Proposal


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


def test_a_push_does_without_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is in their way: the peer has it by then."""

    def fail(*_: object) -> None:
        raise MemoryError

    said = list[str]()
    monkeypatch.setattr(push.synced, "add_signatures", fail)
    monkeypatch.setattr(push.log, "line", said.append)
    block = document.parse("service haproxy\n").blocks[0]
    push._add_signatures(Proposal(Service("haproxy", "", owns="/etc/haproxy"), block, {}, {}))
    assert len(said) == 1 and "service haproxy: no signatures" in said[0]
