"""Pictures of the web UI, for whoever looks after how it looks: `make -f image.mk screenshots` writes them to build/screenshots.

Every tab in both themes and at the width of a phone; and what matters most: an error at its line, a conflict, red, a push with
its outcome.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import document_in_browser as document
import story
from doorway import Doorway
from lab_driver import Lab, fresh_nodes
from operator_at_browser import PHONE, WIDE, Operator, launched
from playwright.sync_api import Browser, expect

OUT = Path(__file__).resolve().parents[2] / "build/screenshots"
PLACES = {
    "services": "services", "service": "services/haproxy", "edit": "services/csyncd/edit", "setup-block": "services/csyncd/setup",
    "lb-layer4": "lb-layer4", "lb-layer7": "lb-layer7", "lb-admin": "lb-admin", "logs": "logs", "events": "logs/events", "tools": "tools",
    "terminal": "tools/terminal", "files": "tools/files", "file": "tools/files/etc/config.rc", "ping": "tools/ping", "capture": "tools/capture",
    "setup": "setup", "history": "setup/history", "network": "setup/network", "time": "setup/time", "accounts": "setup/accounts", "upgrade": "setup/upgrade",
}  # fmt: skip
SMALL = {"width": 1000, "height": 620}
#: how many seconds LB Admin watches before its picture is taken
WATCHED = 20
BALANCED = """\
global
    log /dev/log local0
    maxconn 1000

defaults
    mode http
    log global
    timeout connect 5s
    timeout client 30s
    timeout server 30s

# what customers see
frontend web
    bind :8080
    use_backend static if { path_beg /static }
    default_backend shop

frontend answers
    bind 127.0.0.1:8001-8003
    http-request return status 200 content-type text/plain string "hello"

backend shop
    balance roundrobin
    server shop1 127.0.0.1:8001 check weight 100
    server shop2 127.0.0.1:8002 check weight 100
    server spare 127.0.0.1:8009 check backup

backend static
    server files 127.0.0.1:8003 check
"""
TRAFFIC = "while :; do curl -s -o /dev/null http://127.0.0.1:8080/; curl -s -o /dev/null http://127.0.0.1:8080/static; sleep 0.0$((RANDOM % 9))5; done"


def main() -> int:
    """Take all of them."""
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.glob("*.png"):
        old.unlink()
    lab = Lab(OUT.parent / "screenshots.lab")
    for nodes in fresh_nodes(lab):
        stage = story.Stage(nodes, tell=lambda text: None)
        story.pair(stage)
        stage.edit(1, BALANCED)
        with launched() as browser:
            take_all(browser, stage)
    print(f"{len(list(OUT.glob('*.png')))} pictures in {OUT}")
    return 0


def take_all(browser: Browser, stage: story.Stage) -> None:
    """The login of a new node; then every tab in each look; then what matters most."""
    door = Doorway(stage.lab, 1)
    door.open()
    with somebody(browser, door, come_in=False) as stranger:
        stranger.page.goto(door.address)
        stranger.button("Set password").wait_for()
        take(stranger, "first-login")
    with traffic(stage):
        for look, theme, size in (("light", "light", WIDE), ("dark", "dark", WIDE), ("phone", "light", PHONE)):
            with somebody(browser, door, theme=theme, size=size) as person:
                for name, place in PLACES.items():
                    person.open(place)
                    settle(person, name)
                    take(person, f"{name}-{look}")
        with somebody(browser, door, size=SMALL) as person:
            for_the_readme(person, stage)
        with somebody(browser, door) as person:
            for moment in (push_with_outcome, error_at_its_line, push_conflict, file_conflict, red, history):
                moment(person, stage)
    door.close()


def for_the_readme(person: Operator, stage: story.Stage) -> None:
    """Three small ones, of which README.md has copies in docs/."""
    person.visit("LB Admin")
    settle(person, "lb-admin")
    person.page.get_by_role("heading", name="shop").evaluate("heading => heading.scrollIntoView()")
    person.page.screenshot(path=OUT / "readme-lb-admin.png")
    person.visit("LB Layer7")
    person.edit(story.CONFIG, BALANCED.replace("default_backend", "defualt_backend"))
    person.click("Check")
    expect(person.region("Errors")).to_be_visible()
    person.region("Errors").scroll_into_view_if_needed()
    person.page.screenshot(path=OUT / "readme-error.png")
    person.edit(story.CONFIG, BALANCED.replace("maxconn 1000", "maxconn 2000"))
    person.click("Apply")
    person.click("Push")
    expect(person.dialog("Push haproxy")).to_be_visible()
    person.page.screenshot(path=OUT / "readme-push.png")
    person.click("Cancel", within=person.dialog("Push haproxy"))
    stage.edit(1, BALANCED)


@contextmanager
def somebody(
    browser: Browser, door: Doorway, theme: str = "light", size: dict[str, int] = WIDE, come_in: bool = True
) -> Iterator[Operator]:
    """An operator, for a while."""
    person = Operator(browser, door, theme=theme, size=size)
    if come_in:
        person.come_in()
    yield person
    person.leave()


@contextmanager
def traffic(stage: story.Stage) -> Iterator[None]:
    """Requests for haproxy on node 1."""
    client = stage.lab.start(1, "bash", "-c", TRAFFIC)
    yield
    client.kill()
    client.wait()


def settle(person: Operator, name: str) -> None:
    """Wait until there is something to see."""
    page = person.page
    if name == "lb-admin":
        page.get_by_role("button", name="Chart of shop1").click()
        page.wait_for_timeout(WATCHED * 1000)
    if name == "terminal":
        page.get_by_role("textbox", name="Terminal").wait_for()
        page.keyboard.type("service list\n")
        expect(page.locator(".xterm-accessibility")).to_contain_text("csyncd")
    if name in ("services", "edit"):
        person.open(PLACES[name])
    page.wait_for_timeout(400)


def take(person: Operator, name: str) -> None:
    """The whole page, not only what fits the window."""
    person.page.screenshot(path=OUT / f"{name}.png", full_page=True)


def push_with_outcome(person: Operator, stage: story.Stage) -> None:
    """The question with the difference, and what came of it."""
    stage.edit(1, BALANCED.replace("maxconn 1000", "maxconn 2000"))
    person.visit("LB Layer7")
    person.click("Push")
    expect(person.dialog("Push haproxy")).to_be_visible()
    take(person, "push-question")
    person.click("Push", within=person.dialog("Push haproxy"))
    expect(person.page.get_by_role("status").filter(has_text="applied")).to_be_visible()
    take(person, "push-outcome")


def error_at_its_line(person: Operator, stage: story.Stage) -> None:
    """What haproxy says, at the line and below."""
    person.visit("LB Layer7")
    person.edit(story.CONFIG, BALANCED.replace("default_backend", "defualt_backend").replace("balance ", "balanse "))
    person.click("Apply")
    expect(person.region("Errors")).to_be_visible()
    take(person, "error-at-its-line")
    person.edit(story.CONFIG, stage.lab.read(1, story.CONFIG))


def push_conflict(person: Operator, stage: story.Stage) -> None:
    """Node 2 was edited by hand."""
    stage.lab.run(2, "sh", "-c", f"echo '# by hand' >>{story.CONFIG} && service haproxy apply")
    stage.edit(1, BALANCED)
    person.visit("Services")
    person.visit("LB Layer7")
    person.click("Push")
    expect(person.dialog("Push haproxy")).to_contain_text("by hand")
    take(person, "push-conflict")
    person.click("Cancel", within=person.dialog("Push haproxy"))


def file_conflict(person: Operator, stage: story.Stage) -> None:
    """Two operators at one file."""
    person.visit("LB Layer7")
    person.edit(story.CONFIG, BALANCED.replace("# what customers see", "# what customers see first"))
    stage.edit(1, BALANCED.replace("roundrobin", "leastconn"))
    person.click("Apply")
    expect(person.page.get_by_role("dialog")).to_be_visible()
    person.page.wait_for_timeout(700)
    take(person, "file-conflict")
    person.page.keyboard.press("Escape")


def red(person: Operator, stage: story.Stage) -> None:
    """csyncd is stopped on node 2."""
    stage.on(2, "service", "csyncd", "stop")
    person.open("setup")
    expect(person.page.get_by_role("status", name="Current status")).to_have_text(document.starting("red"))
    expect(person.page.get_by_role("list", name="Troubleshooting list")).to_be_visible()
    take(person, "red")
    stage.on(2, "service", "csyncd", "start")


def history(person: Operator, stage: story.Stage) -> None:
    """A difference between generations."""
    stage.on(1, "config", "save", "-m", "the shop")
    person.open("setup/history")
    person.page.get_by_label("Difference from").select_option("2")
    person.page.wait_for_timeout(600)
    take(person, "history-difference")


if __name__ == "__main__":
    sys.exit(main())
