"""What a boot would make of an archive from elsewhere: an import says what a save would say of the same."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from firmware import files
from firmware.errors import Failure
from firmware.flows import save
from firmware.locks import hold, service_lock
from firmware.rc import document
from firmware.rc.document import Document
from firmware.services import catalog, lifecycle, permissions
from firmware.services.definition import Context, Service
from firmware.store.apply import apply_target
from firmware.store.paths import CONFIG
from firmware.store.snapshot import Target

#: where copies lie, for as long as a check takes · bytes that are copied for one
TOP, MOST_BYTES = Path("/run/firmware"), 16 << 20
#: what says whose the files of a service are
_ACCOUNTS = ("/etc/passwd", "/etc/group")


def boot_problems(new: Target) -> tuple[str, ...]:
    """Errors of its config.rc, and services that a boot would start and that would not start, a line each. Services that are a
    node's own are not looked at: they may be under way."""
    text = new.config().decode("utf-8", "surrogateescape")
    found = save.config_notes(text)
    config = document.parse_tolerant(text)[0]
    for service, context in _started_services(config):
        with suppress(Failure, OSError):  # what cannot be found out is no reason to say anything
            found += _service_problems(service, context, new)
    return tuple(found)


def _started_services(config: Document) -> Iterator[tuple[Service, Context]]:
    for block in config.first_blocks:
        service = catalog.find(block.name)
        is_started = block.enabled and block.flag("autostart", True)
        if service and is_started and service.check and service.owns and not service.node_specific:
            yield service, Context.of(service, block, config)


def _service_problems(service: Service, context: Context, new: Target) -> list[str]:
    wanted = {CONFIG, *_ACCOUNTS, service.owns}
    items = {path: item for path, item in new.items.items() if path in wanted or path.startswith(f"{service.owns}/")}
    if service.owns not in items or sum(item.entry.size for item in items.values()) > MOST_BYTES:
        return []
    with files.scratch_directory("import", TOP) as root, hold(service_lock(context.title), wait=False):
        (root / "etc").mkdir(mode=0o755)
        places = replace(new.paths, etc=root / "etc", run=root / "run")
        apply_target(replace(new, items=items, paths=places), paths=places)
        permissions.grant_read_access(service, root=root)
        checked = lifecycle.check(service, context, staged=root / service.owns.lstrip("/"))
    if not checked.status:
        return []
    said = "".join(f": {line}" for line in checked.output.splitlines()[:1])
    return [f"service {context.title}: what is imported is invalid{said}: at a boot, it will not start"]
