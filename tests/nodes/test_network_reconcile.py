"""From any network to any other: after each apply the kernel has what a fresh start of the same block makes of it."""

import json
import random
from collections.abc import Iterator

import pytest
from lab_driver import Lab
from random_network import random_block

#: sets up each block of a list one after another on `spare`, and on one that is made anew for each; prints how both are
DRIVER = """
import ctypes, json, os, subprocess, sys
from pathlib import Path
from firmware.rc import check, document
from firmware.services import catalog
from firmware.services.declared.network import kernel, reconcile, record

def shown(name):
    actual = kernel.read()
    link = actual.links[name]
    skipped = ("fe80:", "ff00:")
    own = [one for one in actual.routes.get(name, ()) if not one.destination.startswith(skipped)]
    settings = {key: Path(f"/proc/sys/net/{key.replace('NAME', name)}").read_text() for key in (
        "ipv4/conf/NAME/rp_filter", "ipv4/conf/NAME/arp_ignore", "ipv6/conf/NAME/hop_limit")}
    return json.dumps([
        link.is_up, link.attributes["mtu"], settings,
        sorted(str((one.local, one.prefix, one.broadcast, one.label)) for one in actual.addresses.get(name, ()) if not one.local.startswith(skipped)),
        # which address of a network came first depends on what was there before: it is the kernel's word, and no address goes for it
        sorted(str((one.key, one.gateway, one.source if one not in actual.of_kernel else "")) for one in own if one.table != 255),
        sorted(map(str, actual.our_rules)),
        sorted(map(str, actual.neighbours.get(name, ()))),
    ])

def block(text, name):
    text = text.replace("NAME", name)
    parsed, errors = document.parse_tolerant(text)
    problems = check.document_problems(parsed, catalog.find)
    assert not errors and not problems, (text, problems)
    return parsed.blocks[0]

def fresh(text):
    # in a network of its own, in which nothing else has been
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        os.wait()
        return json.loads(os.fdopen(reading).read())
    defaults = [Path(f"/proc/sys/net/{name}") for name in ("ipv4/conf/default/rp_filter", "ipv4/conf/all/rp_filter")]
    values = [path.read_text() for path in defaults]
    ctypes.CDLL(None).unshare(0x40000000)
    [path.write_text(value) for path, value in zip(defaults, values)]
    subprocess.run("ip link add name spare type veth peer name other; ip link set other up", shell=True, check=True)
    for function in (record.read, record.write, record.remove, record.all_owned):
        function.__kwdefaults__["top"] = Path("/run/fresh")
    Path("/proc/sys/net/ipv6/conf/spare/dad_transmits").write_text("0")
    said = reconcile.set_up(block(text, "spare"))
    os.write(writing, json.dumps([said, shown("spare")]).encode())
    record.remove("network.spare")
    os._exit(0)

Path("/proc/sys/net/ipv6/conf/spare/dad_transmits").write_text("0")  # nobody else is there to be asked
for text in json.load(sys.stdin):
    expected = fresh(text)
    said = reconcile.set_up(block(text, "spare"))
    print(json.dumps({"text": text, "fresh": expected, "changed": (said, shown("spare"))}))
reconcile.take_down("network.spare")
"""


@pytest.fixture
def lab(module_lab: Lab) -> Iterator[Lab]:
    """A node with an interface whose cable is in."""
    module_lab.run(1, "sh", "-c", "ip link add spare type veth peer name other; ip link set other up")
    yield module_lab
    module_lab.run(1, "ip", "link", "del", "spare")


@pytest.mark.parametrize(("count", "seed"), [pytest.param(12, 1, id="some"), pytest.param(200, 2, id="200")])
@pytest.mark.all(but=["some"])
def test_the_kernel_has_what_a_fresh_start_would_make(lab: Lab, count: int, seed: int) -> None:
    chance = random.Random(seed)
    blocks = [random_block(chance, "NAME") for _ in range(count)]
    said = lab.run(1, "/usr/bin/python3", "-c", DRIVER, stdin=json.dumps(blocks), timeout=600).stdout
    results = [json.loads(line) for line in said.splitlines()]
    assert len(results) == count
    for one in results:
        assert one["changed"][0] == one["fresh"][0] == "", one["text"]
        for changed, fresh in zip(json.loads(one["changed"][1]), json.loads(one["fresh"][1]), strict=True):
            assert changed == fresh, one["text"]
