"""The address by which the unit is managed, and who its peer is: edits of config.rc and csyncd.cfg, in effect at once."""

import ipaddress

from firmware import files
from firmware.errors import Failure
from firmware.operations import config_file
from firmware.printable import shorten
from firmware.provision.answers import ManagementIsSet, Paired
from firmware.provision.questions import Pair, SetManagement
from firmware.provisioning.unit import WORKER, Unit
from firmware.rc import document as rc
from firmware.rc.title import Title
from firmware.sync import audit, keys
from firmware.sync import settings as csyncd_cfg
from firmware.sync.keys import PublicKeys

CSYNCD = Title("csyncd")


def set_management(unit: Unit, question: SetManagement) -> ManagementIsSet:
    """Give the interface this address alone, and the gateway as its only default route of that family."""
    family = "ip" if ipaddress.ip_interface(question.address).version == 4 else "ip6"
    title = Title("network", question.interface)
    config, lock = unit.places.config, str(unit.places.config_lock)
    if rc.read(config).find(title) is None:
        config_file.add_values(title, (), path=config, lock=lock)
    _replace(unit, title, f"{family} address", [(question.address,)])
    routes = [words for words in rc.read(config).require(title).values(f"{family} route") if words[:1] != ("default",)]
    gateway = [("default", question.gateway)] if question.gateway else []
    _replace(unit, title, f"{family} route", [*gateway, *routes])
    unit.deeds.apply(str(title))
    audit.note("provisioning", who=WORKER, result="management", directory=unit.places.trail, address=question.address)
    block = config_file.read_text(title, path=config)
    return ManagementIsSet(question.interface, shorten(block, 1000), unit.deeds.addresses(question.interface))


def _replace(unit: Unit, title: Title, key: str, wanted: list[tuple[str, ...]]) -> None:
    """Have the directive stand there with these values, and no others; what is as wanted stays."""
    config, lock = unit.places.config, str(unit.places.config_lock)
    there = list(rc.read(config).require(title).values(key))
    if there == wanted:
        return
    if there:
        config_file.delete_values(title, tuple(key.split()), path=config, lock=lock)
    for values in wanted:
        config_file.add_values(title, (*key.split(), *values), path=config, lock=lock)


def pair(unit: Unit, question: Pair) -> Paired:
    """Tell csyncd who its peer is, store the peer's keys, and start csyncd, now and at each boot."""
    path = unit.places.in_etc(csyncd_cfg.FILE)
    fields = {
        "LOCAL_IP": question.local_address, "REMOTE_IP": question.remote_address,
        "LOCAL_NODE": str(question.local_node), "REMOTE_NODE": str(question.remote_node),
    }  # fmt: skip
    files.write(
        path, _with_fields(path.read_text("utf-8", "surrogateescape"), fields).encode("utf-8", "surrogateescape")
    )
    found = csyncd_cfg.read(path)
    peer = PublicKeys(question.remote_node, keys.parse_key(question.peer_host), keys.parse_key(question.peer_user))
    directory = unit.places.in_etc(keys.DIRECTORY)
    keys.store_peer_keys(found, peer, directory)
    stored = keys.stored_peer_keys(found, directory)
    if (stored.host, stored.user) != (peer.host, peer.user):
        raise Failure("pair: the peer's keys that are stored are not those that were given")
    lock = str(unit.places.config_lock)
    config_file.set_values(CSYNCD, ("autostart", "on"), path=unit.places.config, lock=lock)
    unit.deeds.apply(str(CSYNCD))
    audit.note("provisioning", who=WORKER, result="pair", directory=unit.places.trail, host=peer.host.fingerprint)
    return Paired(peer.code)


def _with_fields(text: str, fields: dict[str, str]) -> str:
    """csyncd.cfg with these values; all other lines stay."""
    left, lines = dict(fields), []
    for line in text.splitlines(keepends=True):
        key = line.partition("=")[0].strip()
        lines.append(f"{key}={left.pop(key)}\n" if key in left else line)
    ended = "".join(lines)
    return ended + ("" if ended.endswith("\n") or not ended else "\n") + "".join(f"{key}={left[key]}\n" for key in left)
