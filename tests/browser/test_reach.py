"""The way of a browser to a node's web UI."""

import pytest
from doorway import Doorway
from lab_driver import Lab
from playwright.sync_api import Browser


@pytest.mark.all
def test_a_browser_reaches_each_node_and_again_after_a_reboot(
    browser: Browser, module_lab: Lab, doorways: dict[int, Doorway]
) -> None:
    window = browser.new_page(ignore_https_errors=True)
    for node, door in doorways.items():
        module_lab.run(node, "sh", "-c", f"printf 'LOCAL_IP=10.32.0.1{node}\\nREMOTE_IP=10.32.0.1{3 - node}\\nLOCAL_NODE={node}\\nREMOTE_NODE={3 - node}\\n' >/etc/csyncd/csyncd.cfg")  # fmt: skip
        module_lab.run(node, "csync", "genkey")
        page = f"{door.address}/csyncd/keys"
        window.goto(page)
        assert f'"node": {node}' in window.content() or f'"node":{node}' in window.content()
    module_lab.reboot(1)
    doorways[1].open()
    answer = window.goto(f"{doorways[1].address}/csyncd/keys")
    assert answer and answer.status in (200, 404)
    window.close()
