"""Whatever is measured in seconds. Nothing else runs beside these tests, and so they run last."""

import json
import re
import statistics

import pytest
from lab_driver import Lab
from push_helpers import make_agreeing_pair, seconds_until_logged
from service_helpers import PYTHON
from story import CONFIG, Stage


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Stage:
    return make_agreeing_pair(module_lab, "measured")


@pytest.mark.alone
def test_an_edit_on_the_peer_is_known_here_within_two_seconds_and_nobody_asked(stage: Stage) -> None:
    stage.on(2, "sh", "-c", f"echo '# edited' >>{CONFIG}")
    seconds_until_logged(stage, 1, "the pair is orange: node 2: not in effect yet: haproxy", 2)
    report = stage.json(1, "csync", "status")
    assert report["state"] == "orange" and report["peer"]["unapplied"] == ["haproxy"]
    assert report["services"]["haproxy"]["in_sync"] is False
    assert report["peer"]["unsaved"] == [CONFIG]
    stage.on(2, "sh", "-c", f"sed -i '/# edited/d' {CONFIG}")
    seconds_until_logged(stage, 1, "the pair is green", 2)


@pytest.mark.alone
def test_a_file_in_a_new_directory_is_noticed_too(stage: Stage) -> None:
    stage.on(2, "sh", "-c", "mkdir -p /etc/new/deep && echo x >/etc/new/deep/file")
    seconds_until_logged(stage, 1, "/etc/new/deep/file", 2)
    stage.on(2, "sh", "-c", "echo y >/etc/new/deep/other")
    seconds_until_logged(stage, 1, "/etc/new/deep/other", 2)
    stage.on(2, "rm", "-r", "/etc/new")
    seconds_until_logged(stage, 1, "the pair is green", 2)


@pytest.mark.alone
def test_what_nodes_send_each_other_is_delayed_both_ways(fresh_lab: Lab) -> None:
    def round_trip() -> float:
        said = fresh_lab.run(1, "ping", "-c", "5", "-i", "0.2", "10.32.0.12").stdout
        return min(float(time) for time in re.findall(r"time=([0-9.]+)", said))

    assert round_trip() < 50
    fresh_lab.delay(50)
    assert 100 <= round_trip() < 150
    fresh_lab.cut(1)
    assert 100 <= round_trip() < 150
    fresh_lab.delay(0)
    assert round_trip() < 50


@pytest.mark.alone
def test_list_takes_little_more_than_python_alone(fresh_lab: Lab) -> None:
    figures = json.loads(fresh_lab.run(1, PYTHON, "-c", RACE, timeout=100).stdout)
    # Eight times, and where much else runs nine of the processor, whose caches are cold. What is waited for, the clock counts.
    for kind, most in (("processor", 12), ("clock", 16)):
        plain, listing = (statistics.median(figures[f"{name} {kind}"]) for name in ("plain", "list"))
        assert listing <= most * plain, f"{kind}: {listing / plain:.1f} times"


RACE = """
import json, subprocess, time
from resource import RUSAGE_CHILDREN, getrusage
commands = {"plain": ["/usr/bin/python3", "-c", "pass"], "list": ["service", "list"]}
figures = {f"{name} {kind}": [] for name in commands for kind in ("processor", "clock")}
for _ in range(25):
    for name, argv in commands.items():
        begun, used = time.perf_counter(), sum(getrusage(RUSAGE_CHILDREN)[:2])
        subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
        figures[f"{name} clock"].append(time.perf_counter() - begun)
        figures[f"{name} processor"].append(sum(getrusage(RUSAGE_CHILDREN)[:2]) - used)
print(json.dumps(figures))
"""
