"""What a service is: the type that each small file in `firmware/services/declared/` fills in.

A definition says which directives its block in config.rc may hold, which directory below /etc it owns, how its
configuration is checked, and how its daemon runs. It holds no behaviour of its own beyond building argument lists.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from firmware.rc.document import Block
from firmware.rc.values import Value

Argv = list[str]


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive of a block, such as `ip address 10.0.0.1/24`.

    `many`: it may stand several times, and all count; otherwise the last one counts. Whether a peer may set it, its kind
    of value says (`Value.from_peer`).
    """

    key: str
    value: Value
    help: str
    many: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a daemon and its checker run as: the account, and the only capabilities that they keep (`net_bind_service`)."""

    user: str
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a checker or a reload said: its exit status (0: it worked) and its own words."""

    status: int
    output: str


@dataclass(frozen=True, slots=True)
class Service:
    """A service. Directives that every service understands are added by the catalog, not repeated here."""

    name: str
    summary: str
    directives: tuple[Directive, ...] = ()
    #: may its name be followed by an instance: "no", "optional" or "required"
    instances: str = "no"
    #: the directory below /etc that belongs to it alone; "" if it has none
    owns: str = ""
    #: files in it that the running daemon takes up by itself: a change of them needs no apply
    follows: tuple[str, ...] = ()
    #: why it is never pushed to another node; "" if it may be
    stays: str = ""
    account: Account = Account("root")
    #: the checker's argv, on the final paths; it runs as `account` too
    check: Callable[[Block], Argv] | None = None
    #: does the daemon itself refuse to start for whatever its checker would say? Then a boot asks only once
    checks_itself: bool = False
    #: the daemon's argv, in the foreground, words to stderr; None for a service without a process
    daemon: Callable[[Block], Argv] | None = None
    #: the words with which the daemon's arguments begin, to know its process by ("haproxy"); "" for the first of argv
    procname: str = ""
    #: directories below /run that are made for it before it starts, owned by its account
    runtime_directories: tuple[str, ...] = ()
    #: commands that set it up, or take it down, for a service without a process or before its daemon starts and its
    #: check; they may be run again and again, and one after the word `-` may fail
    setup: Callable[[Block], list[Argv]] | None = None
    teardown: Callable[[Block], list[Argv]] | None = None
    #: "" once the daemon with that pid answers, until then what is missing; None: it is enough that it lives
    ready: Callable[[Block, int], str] | None = None
    #: makes the running daemon load its configuration and proves that it did; None: it is restarted instead
    reload: Callable[["Running"], Outcome] | None = None
    #: words for s6-log that sort what it says into further logs; a bounded log of everything is kept anyway
    sorts: Callable[[Block], Argv] | None = None
    #: extra environment of the daemon
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Running:
    """A service that runs: what a reload gets to work with. `signal(name)` goes to the daemon through its supervisor,
    `words()` gives what the daemon has written to its log since the reload began."""

    block: Block
    pid: int
    signal: Callable[[str], None]
    words: Callable[[], str]
