"""What a service is: the type that each small file in `firmware/services/declared/` fills in.

A declaration says which directives its block in config.rc may hold, which other services' blocks it reads, which directory
below /etc it owns, how its configuration is checked, and how its daemon runs. It holds no behaviour of its own beyond
building argument lists. Its callbacks get a `Context`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from firmware.rc.block import Block
from firmware.rc.document import Document
from firmware.rc.values import ValueKind
from firmware.services.strays import Family

Argv = list[str]

#: below it, the files of the applied content of each service
APPLIED = Path("/run/firmware/applied")
#: below it, the files that each service generates
GENERATED = Path("/run/firmware/generated")


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive of a block, such as `ip address 10.0.0.1/24`.

    `many`: it may stand several times, and all count; otherwise the last one counts. Whether a peer may set it, its kind
    of value says (`ValueKind.from_peer`); what is `local` stays as each node has it, so that no push sets, changes or removes
    it. `default` says what holds where it does not stand, "" if nothing does. `example` is a whole line that has it; `service
    help NAME` and docs/directives.md print them. `not_supported` says why it is refused though it is known, "" if it is not.
    `read_by` is the service that reads it, "" for the one in whose block it stands.
    """

    key: str
    value: ValueKind
    help: str
    many: bool = False
    local: bool = False
    default: str = ""
    example: str = ""
    not_supported: str = ""
    read_by: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a daemon runs as: the account, the only capabilities that it keeps (`net_bind_service`), and those that it has
    besides where the files of its service ask for them (`Service.requests`)."""

    user: str
    capabilities: tuple[str, ...] = ()
    on_request: tuple[str, ...] = ()

    @property
    def checker(self) -> str:
        """Whom its checker runs as: an account of the same group, so that it reads what the daemon reads, and of another
        number, so that neither can signal or trace the other."""
        return self.user if self.user == "root" else f"{self.user}-check"


@dataclass(frozen=True, slots=True)
class Package:
    """A package that brings programs of a service: its name in Debian, and the option of Buildroot that the package
    csyncd-firmware selects, without BR2_PACKAGE_."""

    debian: str
    buildroot: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a checker or a reload said: its exit status (0: it worked) and its own words."""

    status: int
    output: str


@dataclass(frozen=True, slots=True)
class Confirmable:
    """How a service without a process goes back to what was set up before something that nobody confirmed.

    `blocks()`: the blocks that are set up now, by title. `keep(directory)` writes there what else is set up now, and
    `put_back(block, directory)` sets all of it up again; it returns what went wrong, "" if nothing did. `by_new_session`: only
    who has come in since then may confirm, for what was connected before proves nothing.
    """

    blocks: Callable[[], Mapping[str, Block]]
    put_back: Callable[[Block, Path], str]
    keep: Callable[[Path], None] | None = None
    by_new_session: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """What the callbacks of a service see: its block, and the whole config.rc that the block stands in.

    `reads` has the blocks of other services, by each entry of `Service.reads`, in file order; those that are switched off are
    not among them. `generated` is the directory in which the files that it generates lie, `applied` that of a copy of the
    files that its live process has loaded.
    """

    block: Block
    document: Document
    reads: Mapping[str, tuple[Block, ...]]
    generated: Path
    applied: Path

    @property
    def title(self) -> str:
        """The service's name with its instance."""
        return self.block.title

    @staticmethod
    def of(service: "Service", block: Block, document: Document) -> "Context":
        """The context of a service whose block is `block`, in this document."""
        reads = {reading: _blocks_read(reading, document) for reading in service.reads}
        return Context(block, document, reads, GENERATED / block.title, APPLIED / block.title / "files")


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
    #: files in it that root alone reads, though its account reads the others
    private: tuple[str, ...] = ()
    #: files in it that the running daemon takes up by itself: a change of them needs no apply
    follows: tuple[str, ...] = ()
    #: services whose blocks it reads, too: a name (`wg`), or a name and the directives of that name that it reads
    #: (`network vrrp`). A change there makes it need an apply; a push takes along nothing of them
    reads: tuple[str, ...] = ()
    #: the files that it makes of its context, by their paths below `Context.generated`; its account may read them. They are
    #: written before its check and before it starts, and go when it is stopped. The same context always gives the same
    generates: Callable[[Context], Mapping[str, str]] | None = None
    #: further files there, made anew at each load of what the node is, and of its own files in the directory that is named: a
    #: change of that alone makes it need no apply
    generates_at_load: Callable[[Context, Path], Mapping[str, str]] | None = None
    #: files below /etc that the node makes by itself for it, as patterns (`quiet` in save.rules)
    makes: tuple[str, ...] = ()
    #: why it is never pushed to another node; "" if it may be
    node_specific: str = ""
    #: a local flag without which a node takes none of it from a peer; "" for a service that may be pushed without
    consent: str = ""
    account: Account = Account("root")
    #: capabilities that its daemon has beyond those of its account, by its context
    capabilities: Callable[[Context], Sequence[str]] | None = None
    #: do its files, in the directory that is named, ask for its account's capabilities `on_request`? No running process can be
    #: given any: a daemon that lacks them is started again, and one that has them keeps them until it is
    requests: Callable[[Context, Path], bool] | None = None
    #: further accounts that its programs want in /etc/passwd
    more_accounts: tuple[str, ...] = ()
    packages: tuple[Package, ...] = ()
    #: what is wrong with a block whose directives are valid each by itself, in this document: lines and texts
    problems: Callable[[Block, Document], Sequence[tuple[int, str]]] | None = None
    #: what such a block says that does not do what its author expects: lines and texts
    warnings: Callable[[Block, Document], Sequence[tuple[int, str]]] | None = None
    #: the checker's argv, on the final paths; it runs as `account` too
    check: Callable[[Context], Argv] | None = None
    #: a program that starts it for a moment, and ends it, in a network of its own; it runs as the checker does. Exit status 75:
    #: it starts, but not with all names, which have no address there. They are its standard output. The checker is asked then,
    #: and if the status is 1; after the word --resolve it is told the names, and its standard output are lines of /etc/hosts
    trial: Callable[[Context], Argv] | None = None
    #: the addresses that its files bind now and that somebody else has, as FILE:LINE: …
    conflicts: Callable[[Context], Sequence[str]] | None = None
    #: does its checker run in a network of its own, with nothing but a loopback interface? There it has the capabilities of the
    #: account, which mean nothing elsewhere
    checks_alone: bool = False
    #: does the daemon itself refuse to start for whatever its checker would say? Then a boot asks only once
    checks_itself: bool = False
    #: the daemon's argv, in the foreground, words to stderr; None for a service without a process
    daemon: Callable[[Context], Argv] | None = None
    #: the words with which the daemon's arguments begin, to know its process by ("haproxy"); "" for the first of argv
    procname: str = ""
    #: directories below /run that are made for it before it starts, owned by its account
    runtime_directories: tuple[str, ...] = ()
    #: links to one of them, for files that name another place where it has its sockets elsewhere
    runtime_links: tuple[str, ...] = ()
    #: commands that set it up, or take it down, for a service without a process or before its daemon starts and its
    #: check; they may be run again and again, and one after the word `-` may fail
    setup: Callable[[Context], list[Argv]] | None = None
    teardown: Callable[[Context], list[Argv]] | None = None
    #: in the place of both, for a service without a process: brings the node to what the block wants, and takes away what an
    #: earlier block set up; returns what went wrong, "" if nothing did
    reconcile: Callable[[Context], str] | None = None
    #: how it goes back where it was applied until it is confirmed; None for a service that cannot be applied so
    confirmable: Confirmable | None = None
    #: the titles of the blocks that are to be started before it, if config.rc has them
    needs: Callable[[Block, Document], Sequence[str]] | None = None
    #: what there is to say of a title besides its state, a line each
    remarks: Callable[[str], Sequence[str]] | None = None
    #: takes away what was set up by a title, and returns what went wrong
    take_down: Callable[[str], str] | None = None
    #: commands of root whenever its daemon has ended, however it ended: what it leaves behind in the kernel goes
    cleanup: Callable[[Context], list[Argv]] | None = None
    #: "" once the daemon with that pid answers, until then what is missing; None: it is enough that it lives
    ready: Callable[[Context, int], str] | None = None
    #: makes the running daemon load its configuration and proves that it did; None: it is restarted instead
    reload: Callable[["Running"], Outcome] | None = None
    #: after a reload, the processes that belong to the daemon with that pid: what else its account runs is ended. None, or if
    #: it answers None: nothing is
    family: Callable[[int], Family | None] | None = None
    #: daemons of root that run while it does, by their names in it
    companions: Callable[[Context], Sequence["Companion"]] | None = None
    #: s6-log's logging script, which sorts what it says into further logs; a bounded log of everything is kept anyway
    log_script: Callable[[Context], Argv] | None = None
    #: where administrators or the peer reach the node through it, as (address, TCP port), "" for every address: the node's own
    ports: Callable[[Context], Sequence[tuple[str, int]]] | None = None
    #: do its files say which ports it binds? Then its checker is told, in further words, which of them are the node's own, and
    #: at boot it starts once those are taken
    binds: bool = False
    #: where memory runs out, is it ended last? Daemons with an account of their own are ended before root's in any case
    dies_last: bool = False
    #: extra environment of the daemon
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_runnable(self) -> bool:
        """Is there anything to run for it?"""
        return any(one is not None for one in (self.daemon, self.setup, self.reconcile))


@dataclass(frozen=True, slots=True)
class Companion:
    """A daemon of root that belongs to the service `title`: its own name there, its arguments, and the name by which its
    process is known ("": the first of them)."""

    title: str
    name: str
    argv: Argv
    procname: str = ""

    @property
    def own_title(self) -> str:
        """Under which the supervisor has it."""
        return f"{self.title}~{self.name}"


@dataclass(frozen=True, slots=True)
class Running:
    """A service that runs: what a reload gets to work with. `signal(name)` goes to the daemon through its supervisor,
    `has_ended()` says whether the daemon with that pid has, by what s6's scripts and the kernel say of it. `log_text()` gives
    what was written to its log since the reload began: words for people, for anybody behind the daemon may have written them.
    """

    context: Context
    pid: int
    signal: Callable[[str], None]
    has_ended: Callable[[], bool]
    log_text: Callable[[], str]


def _blocks_read(reading: str, document: Document) -> tuple[Block, ...]:
    """The blocks of the service that `reading` names, if switched on; with a directive there, those that have it, and only it."""
    name, _, key = reading.partition(" ")
    blocks = [block for block in document.first_blocks if block.name == name and block.enabled]
    if not key:
        return tuple(blocks)
    return tuple(_with_only(key, block) for block in blocks if block.occurrences(key))


def _with_only(key: str, block: Block) -> Block:
    kept = {one.line.number for one in block.occurrences(key)}
    dropped = {line.number for line in block.directives} - kept
    return replace(block, lines=tuple(line for line in block.lines if line.number not in dropped))
