"""Loads the rules in one step, in the place of those that were loaded before, and nobody else's.

/run/firmware/firewall.json says which tables are ours, by which block, and what settings were before; firewall.nft has the rules
that were loaded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from firmware import files, records
from firmware.rc import document
from firmware.rc.block import Block
from firmware.run import run
from firmware.services import node_ports, run_scripts
from firmware.services.declared.firewall import rules
from firmware.services.definition import Account, Context

RECORD = Path("/run/firmware/firewall.json")
RULES = Path("/run/firmware/firewall.nft")
#: rules that let administrators in, for when there are no others
BUILT_IN = Path("/usr/share/factory", rules.FILE.lstrip("/"))
#: of the record
FORMAT = 1

_PROC = Path("/proc/sys/net")
_FORWARD = ("ipv4/ip_forward", "ipv6/conf/all/forwarding")
#: where memory runs out, it goes, and not whoever loads the rules: a large file takes it forty times its size
_FIRST_TO_GO = ("sh", "-ec", 'echo 1000 >/proc/self/oom_score_adj; exec "$@"', "sh")
_ACCOUNT = Account("firewall", ("net_admin",), on_request=("net_admin",))


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was loaded: tables, what each setting was before, by its path below /proc/sys/net, and the block, whose lines keep
    their numbers."""

    tables: tuple[tuple[str, str], ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    block: str = ""


def set_up(context: Context) -> str:
    """Load the rules, and set what the block says. Returns what went wrong; the earlier rules are in force then."""
    text = Path(rules.file_of(context.block)).read_text(encoding="utf-8", errors="surrogateescape")
    return _load(context.block, text, node_ports.numbers(context.document))


def blocks() -> dict[str, Block]:
    """The block whose rules are loaded, by its title; none where no rules are."""
    text = _read_record().block
    found = document.parse_tolerant(text)[0].blocks if text else ()
    return {block.title: block for block in found}


def keep(directory: Path) -> None:
    """Keep the rules that are loaded, for `put_back`."""
    files.write(directory / RULES.name, RULES.read_bytes(), mode=0o600)


def put_back(block: Block, directory: Path) -> str:
    """Load the rules that were kept; where that fails, those of the factory, which let administrators in. Returns what went
    wrong."""
    ports = node_ports.numbers(document.read_tolerant())
    text = (directory / RULES.name).read_text(encoding="utf-8", errors="surrogateescape")
    problem = _load(block, text, ports)
    if not problem or RULES.read_text(encoding="utf-8", errors="surrogateescape") == text:
        return problem
    said = _load(block, BUILT_IN.read_text(encoding="utf-8"), ports)
    return f"{problem}\n{said or 'the rules of the factory are in force'}"


def _load(block: Block, text: str, ports: Sequence[int]) -> str:
    path = rules.file_of(block)
    before, now = _read_record(), rules.tables(text)
    if others := [" ".join(table) for table in now if table not in before.tables and table in _tables_of_the_kernel()]:
        return f"{path}: table {', '.join(others)} was loaded by somebody else: it needs another name here"
    _write_record(replace(before, tables=tuple(dict.fromkeys((*before.tables, *now)))))
    if problem := _run_nft(_without_tables([*before.tables, *now]) + text, ports):
        _write_record(before)
        return problem
    files.write(RULES, text.encode("utf-8", "surrogateescape"), mode=0o600)
    wanted = _wanted_settings(block)
    kept = {name: before.settings.get(name, _setting(name)) for name in wanted}
    _restore({name: value for name, value in before.settings.items() if name not in wanted})
    _write_record(Loaded(tuple(now), kept, "\n" * (block.lines[0].number - 1) + block.text))
    return "\n".join(problem for name, value in wanted.items() if (problem := _write_setting(name, value)))


def take_down(_: str) -> str:
    """Take away the tables that were loaded, and put the settings back. Returns what went wrong."""
    loaded = _read_record()
    problem = _run_nft(_without_tables(loaded.tables)) if loaded.tables else ""
    _restore(loaded.settings)
    if not problem:
        RECORD.unlink(missing_ok=True)
        RULES.unlink(missing_ok=True)
    return problem


def _tables_of_the_kernel() -> list[tuple[str, str]]:
    done = run(run_scripts.command_as_account(_ACCOUNT, ["nft", "list", "tables"]))
    return [(words[1], words[2]) for line in done.stdout.splitlines() if len(words := line.split()) == 3]


def _without_tables(tables: list[tuple[str, str]] | tuple[tuple[str, str], ...]) -> str:
    """What takes tables away, also where they are not there."""
    lines = [f"table {family} {name}\ndelete table {family} {name}\n" for family, name in dict.fromkeys(tables)]
    return "".join(lines)


def _run_nft(text: str, ports: Sequence[int] = node_ports.FACTORY) -> str:
    """All of it, or nothing: nft hands it to the kernel as one transaction. Returns what went wrong."""
    command = [*_FIRST_TO_GO, *run_scripts.command_as_account(_ACCOUNT, ["nft", *rules.definition(ports), "-f", "-"])]
    done = run(command, stdin=text.encode("utf-8", "surrogateescape"), check=False)
    return (done.output or f"nft: exit status {done.status}") if done.status else ""


def _wanted_settings(block: Block) -> dict[str, str]:
    connections = {f"netfilter/nf_conntrack_{name}": value for name, value in block.values("conntrack")}
    forward = dict.fromkeys(_FORWARD, "1" if block.flag("forward", False) else "0")
    return {**connections, **(forward if block.occurrences("forward") else {})}


def _setting(name: str) -> str:
    try:
        return (_PROC / name).read_text().strip()
    except OSError:
        return ""


def _write_setting(name: str, value: str) -> str:
    try:
        (_PROC / name).write_text(value)
    except OSError as error:
        return f"{_PROC / name}: {error.strerror}"
    return ""


def _restore(settings: Mapping[str, str]) -> None:
    for name, value in settings.items():
        if value:
            _write_setting(name, value)


def _read_record() -> Loaded:
    try:
        data = RECORD.read_bytes()
    except FileNotFoundError:
        return Loaded()
    hint = f"nft list tables; nft delete table FAMILY NAME; rm {RECORD}"
    body = records.load(data, FORMAT, str(RECORD), hint=hint)
    with records.interpreting(str(RECORD), hint):
        pairs = tuple((str(family), str(name)) for family, name in records.typed_value(body, "tables", list))
        settings = records.typed_value(body, "settings", dict)
        return Loaded(pairs, {str(name): str(value) for name, value in settings.items()}, str(body["block"]))


def _write_record(loaded: Loaded) -> None:
    files.write(RECORD, records.dump(asdict(loaded), FORMAT), mode=0o600)
