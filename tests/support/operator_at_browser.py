"""An operator at a browser: finds things as a person or a screen reader does, by role and name, and clicks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from doorway import Doorway
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
PASSWORD = "correct horse battery"
#: milliseconds that anything on a page may take to appear; it costs nothing to wait for what does come
PATIENCE = 60_000
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@contextmanager
def launched(patience: int = PATIENCE) -> Iterator[Browser]:
    """Debian's chromium without a window. It runs as root here, so without its own sandbox."""
    expect.set_options(timeout=patience)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Operator:
    """Somebody at the web UI of one node. What the browser itself complained about stands in `complaints`."""

    browser: Browser
    door: Doorway
    user: str = "admin"
    theme: str = "light"
    size: dict[str, int] = field(default_factory=lambda: dict(WIDE))
    complaints: list[str] = field(default_factory=list)
    patience: int = PATIENCE

    def __post_init__(self) -> None:
        self.context: BrowserContext = self.browser.new_context(
            ignore_https_errors=True,
            color_scheme=self.theme,
            viewport=self.size,
            accept_downloads=True,
            reduced_motion="reduce",
        )
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(self.patience)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console", lambda line: self.complaints.append(line.text) if "Content Security" in line.text else None
        )

    def begin(self, password: str = PASSWORD) -> None:
        """Set the first password, with the code that the node shows."""
        code = self.door.lab.run(self.door.node, "account", "code").stdout.strip()
        self.page.goto(self.door.address)
        self.fill("Setup code", code)
        self.fill("New password", password)
        self.fill("Repeat", password)
        self.click("Set password")
        self.is_in()

    def log_in(self, password: str = PASSWORD) -> None:
        """Log in with a password."""
        self.page.goto(self.door.address)
        self.fill("User", self.user)
        self.fill("Password", password)
        self.click("Log in")
        self.is_in()

    def come_in(self, password: str = PASSWORD) -> None:
        """Log in, or set the first password if there is none yet."""
        self.page.goto(self.door.address)
        first = self.button("Set password").or_(self.button("Log in"))
        first.wait_for()
        if first.inner_text() == "Set password":
            self.begin(password)
        else:
            self.log_in(password)

    def is_in(self) -> None:
        """The application is there."""
        expect(self.button("Log out")).to_be_visible()

    def leave(self) -> None:
        """Close the browser's windows."""
        self.context.close()

    def visit(self, tab: str) -> None:
        """Click a tab of the navigation."""
        self.page.get_by_role("navigation").get_by_role("link", name=tab, exact=True).click()
        expect(self.page.get_by_role("heading", level=1, name=tab)).to_be_visible()

    def open(self, place: str) -> None:
        """Go to a place of the application by its address; it is there, and so is what it asks the node for."""
        self.page.evaluate("place => { location.hash = '#/' + place }", place)
        expect(self.page.get_by_role("heading", level=1)).to_be_visible()
        self.page.wait_for_load_state("networkidle")
        expect(self.page.get_by_text("Loading …")).to_have_count(0)

    def row(self, name: str) -> Locator:
        """The row of a table in which a cell has exactly that text."""
        return self.page.get_by_role("row").filter(has=self.page.get_by_role("cell", name=name, exact=True))

    def region(self, name: str) -> Locator:
        """A part of the page by its name."""
        return self.page.get_by_role("region", name=name, exact=True)

    def dialog(self, name: str) -> Locator:
        """A dialog by its name."""
        return self.page.get_by_role("dialog", name=name, exact=True)

    def button(self, name: str, within: Locator | None = None) -> Locator:
        """A button, on the page or within a part of it."""
        return (within or self.page).get_by_role("button", name=name, exact=True)

    def click(self, name: str, within: Locator | None = None) -> None:
        """Click a button once it can be clicked."""
        self.button(name, within).click()

    def fill(self, label: str, text: str, within: Locator | None = None) -> None:
        """Fill a field in."""
        (within or self.page).get_by_label(label, exact=True).fill(text)

    def editor(self, path: str) -> Locator:
        """The editor of a file."""
        return self.page.get_by_role("textbox", name=path, exact=True)

    def edit(self, path: str, text: str) -> None:
        """Replace all that stands in an editor."""
        self.editor(path).click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(text)

    def text(self, path: str) -> str:
        """What stands in an editor, as far as it is drawn."""
        return self.editor(path).inner_text().replace("\u200b", "")

    def is_written(self) -> None:
        """The editor has nothing left that is not written, and nothing was wrong."""
        expect(self.page.get_by_text("changed, not written yet")).to_have_count(0)
        expect(self.page.get_by_role("alert")).to_have_count(0)

    def be_advanced(self) -> None:
        """See the advanced buttons of the services."""
        if self.button("advanced mode").get_attribute("aria-pressed") != "true":
            self.click("advanced mode")

    def launch_terminal(self) -> None:
        """Click Launch a terminal in the Tools tab; it takes what is typed."""
        self.visit("Tools")
        self.click("Launch a terminal")
        self.terminal_shows("#")
        self.page.get_by_role("textbox", name="Terminal").focus()

    def type_command(self, command: str, answer: str) -> None:
        """Type a command into the terminal; its answer is shown."""
        self.page.get_by_role("textbox", name="Terminal").focus()
        self.page.keyboard.type("clear\n" + command + "\n")
        self.terminal_shows(answer)

    def terminal_shows(self, text: str) -> None:
        """The terminal shows that text, as a screen reader has it."""
        expect(self.page.locator(".xterm-accessibility")).to_contain_text(text)

    def press(self, key: str) -> None:
        """Press a key."""
        self.page.keyboard.press(key)
