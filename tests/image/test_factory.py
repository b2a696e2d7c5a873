"""Virtual units, provisioned over their ttyS1 by the program of the host, beside simulated ones in the same batch."""

import json
from pathlib import Path

import factory_story
import pytest
from factory import Factory
from lab_driver import Lab, eventually
from story import Stage

from firmware.station.verify import verify

#: simulated units in the same batch
SIMULATED = 198


@pytest.mark.all
def test_two_virtual_units_and_simulated_ones_in_one_batch(fresh_units: Lab, tmp_path: Path) -> None:
    """The virtual ones become a pair that is green, locked, and known to OpenSSH by the key in their record."""
    factory = Factory(tmp_path)
    try:
        factory.add_units_apart(SIMULATED, {})
        stage = Stage(fresh_units, tell=lambda words: None)
        more = [",".join(_row(factory, number)) for number in range(1, SIMULATED + 1)]
        orders = factory_story.write_orders(stage, tmp_path, more)
        given = (
            "batch",
            orders,
            "--records",
            factory.kept.top,
            "--key",
            tmp_path / "key",
            "--labels",
            tmp_path / "labels",
        )
        assert factory_story.provision(*given) == 0
        found = verify(factory.kept.top)
        assert (found.count, found.problems) == (SIMULATED + 2, ())
        assert len(list((tmp_path / "labels").glob("*.pdf"))) == SIMULATED + 2
        for node in (1, 2):
            _hold_unit(fresh_units, node, factory)
            stage.shows(node, "green")
        before = factory.kept.record_names()
        assert factory_story.provision(*given) == 0
        assert factory.kept.record_names() == before
    finally:
        factory.close()


def _row(factory: Factory, number: int) -> tuple[str, ...]:
    row = factory.row(number)
    return (
        *(row[name] for name in ("serial", "model", "mac", "host_name", "address", "network", "port")),
        "at the bench",
        "",
    )


def _hold_unit(units: Lab, node: int, factory: Factory) -> None:
    """The unit is what its record says, and nothing answers on its line but that it is locked."""
    record = factory.kept.find(factory_story.SERIALS[node])
    assert record
    keys = next(step["answer"] for step in record.steps if step["step"] == "keys")
    assert keys["csyncd_host"] in units.read(node, "/etc/csyncd/ssh_host_ed25519_key.pub")
    assert units.run(node, "hostname").stdout.strip() == f"bench{node}"
    said = units.run(node, "config", "history", "--json").stdout
    assert json.loads(said)[0]["verified"]
    assert eventually(
        lambda: "python" not in units.run(node, "sh", "-c", "ps | grep '[f]irmware provisioning'", check=False).stdout
    )
