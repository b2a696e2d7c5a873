"""Whatever stands in config.rc: what its check passes starts, and what would not start was refused at its line."""

import json
import random
import re
from collections.abc import Iterator

import pytest
from lab_driver import Lab
from random_config import random_config
from service_helpers import LAYER4

#: checks each text of a list; starts all that one holds which passes, and stops it; prints what was said of each
DRIVER = """
import json, os, sys
from firmware.errors import Failure
from firmware.rc import check, document
from firmware.services import catalog, lifecycle
from firmware.services.definition import Context
from firmware.services.dependencies import dependencies_first

sys.stderr = open(os.devnull, "w")

def start(text):
    parsed, failures, started = document.parse(text), {}, []
    for block in dependencies_first(parsed.first_blocks, parsed):
        service = catalog.find(block.name)
        if not block.enabled or not service.is_runnable:
            continue
        started.append(block.title)
        try:
            lifecycle.start(service, Context.of(service, block, parsed))
        except Failure as error:
            failures[block.title] = [str(error), *getattr(error, "problems", ())]
    for title in reversed(started):
        lifecycle.stop(title)
    return failures

for text in json.load(sys.stdin):
    problems = check.text_problems(text, "/etc/config.rc", catalog.find, catalog.names())
    print(json.dumps({"text": text, "problems": problems, "failures": {} if problems else start(text)}), flush=True)
"""

#: what only the node can tell, and not the text: the state or the check of the service says it until it is otherwise
_OF_THE_NODE = re.compile(
    r"is not there; what needs it is set up when it comes|there is no such file$|Can't initialize ipvs"
    r"|Read-only file system"
)


@pytest.fixture
def lab(module_lab: Lab) -> Iterator[Lab]:
    """A node on which nothing runs but what a test starts, with an interface to spare."""
    made = "ip link add spare type veth peer name other; ip link set other up"
    module_lab.run(1, "sh", "-ec", f"service shutdown; {made}; echo 0 >/proc/sys/net/ipv6/conf/spare/dad_transmits")
    module_lab.run(1, "sh", "-ec", "umask 077; mkdir -p /etc/wg /etc/ipvsd; wg genkey >/etc/wg/key")
    module_lab.write(1, "/etc/ipvsd/ipvsd.conf", LAYER4)
    yield module_lab
    module_lab.run(1, "sh", "-c", "ip link del spare; service boot")


@pytest.mark.parametrize(("count", "seed"), [pytest.param(16, 1, id="some"), pytest.param(2000, 2, id="2000")])
@pytest.mark.all(but=["some"])
def test_what_the_check_passes_starts(lab: Lab, count: int, seed: int) -> None:
    chance = random.Random(seed)
    texts = [random_config(chance) for _ in range(count)]
    said = lab.run(1, "/usr/bin/python3", "-c", DRIVER, stdin=json.dumps(texts), timeout=3000).stdout
    results = [json.loads(line) for line in said.splitlines()]
    assert len(results) == count
    wrong = []
    for one in results:
        for problem in one["problems"]:
            place = re.match(r"/etc/config\.rc:(\d+): .", problem)
            assert place and 1 <= int(place[1]) <= one["text"].count("\n") + 1, (one["text"], problem)
        failures = {title: words for title, words in one["failures"].items() if not _OF_THE_NODE.search(words[-1])}
        wrong += [f"{one['text']}\n{failures}"] if failures else []
    assert not wrong, "\n----\n".join(wrong)
    assert count // 4 < sum(not one["problems"] for one in results) < count * 3 // 4, "too few of one kind"
