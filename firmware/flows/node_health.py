"""How well this node does its work, before an upgrade and after it: what a new slot has to do as well as the old one did."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from firmware.addresses import local_addresses
from firmware.errors import Busy, Failure
from firmware.http11 import blocking
from firmware.rc import document
from firmware.run import run
from firmware.services import states
from firmware.store import migrations, repository, saved_state
from firmware.store.changes import unsaved_changes
from firmware.store.paths import CONFIG
from firmware.sync import CONTROL
from firmware.upgrade.notes import UNREAD_FLASH, Expectation

#: seconds that haproxy has for its first byte, a gateway for its answer, csyncd for the state of the pair
ANSWER_SECONDS, LINK_SECONDS = 2, 20.0
#: sockets that are asked at most
MOST_ASKED = 64
#: where service vrrp has the addresses that the other node may have now
SHARED = Path("/etc/vrrp")


def current_health() -> Expectation:
    """What works now. It asks haproxy with a `GET /` at each of its sockets, pings the gateways, and asks csyncd for the peer."""
    running = tuple(title for title in states.started_titles() if states.service_state(title).is_running)
    listening = tuple(sorted(word for title in running for word in _listening(title)))
    haproxy = [word for word in listening if word.startswith("haproxy ")][:MOST_ASKED]
    with ThreadPoolExecutor(16) as pool:
        answering = tuple(word for word, answers in zip(haproxy, pool.map(_answers, haproxy), strict=True) if answers)
        gateways = tuple(gateway for gateway in _gateways() if _is_reachable(gateway))
    return Expectation(running, listening, answering, tuple(own_addresses()), gateways, has_link(), _saved_problem())


def expectation() -> Expectation:
    """Of what works now, that which a reboot brings back: of services that are started at a boot, and are what is saved."""
    now, unsaved = current_health(), unsaved_changes().paths
    saved = document.parse_tolerant(saved_state.refresh().config)[0]
    started = {block.title for block in saved.first_blocks if block.enabled and block.flag("autostart", True)}
    changed = {title for title in started if any(path.startswith(f"/etc/{title.split('.')[0]}/") for path in unsaved)}
    kept = set[str]() if CONFIG in unsaved else started - changed
    listening = tuple(word for word in now.listening if word.split()[0] in kept)
    return replace(
        now,
        services=tuple(title for title in now.services if title in started),
        listening=listening,
        answering=tuple(word for word in now.answering if word in listening),
        addresses=now.addresses if CONFIG not in unsaved else (),
        gateways=now.gateways if CONFIG not in unsaved else (),
        link=now.link and "csyncd" in kept,
    )


def shortcomings(expected: Expectation | None, now: Expectation) -> list[str]:
    """What does not work now that has to, a line each. Where nobody noted what worked, every service that is to be started has to
    run; and what is saved has to be readable, or the factory's services would do, unless it was not before either."""
    wanted = expected.services if expected else ()
    found = [f"service {title} does not run" for title in wanted if title not in now.services]
    is_noted = expected not in (None, UNREAD_FLASH)
    found += [f"service {title} does not run" for title in _failed_services()] if not is_noted else []
    if failed := migrations.failure():
        found.append(failed)
    if now.problem and now.problem != failed and not (expected and expected.problem):
        found.append(now.problem)
    if expected is None:
        return found
    found += [f"nobody listens at {_place(word)}" for word in expected.listening if word not in now.listening]
    silent = [word for word in expected.answering if word in now.listening and word not in now.answering]
    found += [f"haproxy does not answer at {_place(word)}" for word in silent]
    found += [f"the address {address} is missing" for address in expected.addresses if address not in now.addresses]
    found += [f"the gateway {gateway} does not answer" for gateway in expected.gateways if gateway not in now.gateways]
    found += ["csyncd does not reach the peer"] if expected.link and not now.link else []
    return found


def _place(word: str) -> str:
    title, address, port = word.split()
    shown = f"[{address}]" if ":" in address else address
    return f"{shown}:{port} (service {title})"


def _failed_services() -> Iterator[str]:
    """What is to be started at a boot, and does not run."""
    for block in document.read_tolerant().first_blocks:
        wanted = block.enabled and block.flag("autostart", True)
        if wanted and not states.service_state(block.title).is_running:
            yield block.title


def _listening(title: str) -> Iterator[str]:
    """Where a service listens. Below sshd are also the programs of whoever is logged in."""
    from firmware import processes

    pid = states.service_state(title).pid
    for address, port in processes.listening_sockets(pid, family=title != "sshd") if pid else ():
        yield f"{title} {address} {port}"


def _answers(word: str) -> bool:
    """Does anything come back from this socket? One at an address that the other node may have now is not asked."""
    _, address, port = word.split()
    asked = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
    if asked not in local_addresses() and not ip_address(asked).is_loopback:
        return False
    with suppress(OSError), socket.create_connection((asked, int(port)), timeout=ANSWER_SECONDS) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return bool(connection.recv(1))
    return False


def own_addresses(shared: Path = SHARED) -> list[str]:
    """The addresses that this node has for good: not those that a DHCP server lends, or that go from node to node."""
    going = "\n".join(path.read_text(errors="replace") for path in shared.rglob("*") if path.is_file())
    found = [
        info["local"]
        for link in _ip("address", "show")
        for info in link.get("addr_info", ())
        if info.get("scope") == "global" and not info.get("dynamic")
    ]
    return sorted(address for address in found if address not in going)


def _gateways() -> set[str]:
    routes = [*_ip("-4", "route", "show"), *_ip("-6", "route", "show")]
    return {str(route["gateway"]) for route in routes if route.get("dst") == "default" and "gateway" in route}


def _is_reachable(gateway: str) -> bool:
    return run(["ping", "-c", "1", "-W", str(ANSWER_SECONDS), gateway], check=False, timeout=10.0).status == 0


def _ip(*words: str) -> list[dict[str, Any]]:
    try:
        return json.loads(run(["ip", "-j", *words]).stdout or "[]")  # type: ignore[no-any-return]
    except (Failure, ValueError):
        return []


def has_link() -> bool:
    """Does csyncd reach the peer?"""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(CONTROL)
            answer = blocking.request(connection, "POST", "/status", {}, timeout=LINK_SECONDS)
    except (OSError, Failure):
        return False
    peer = dict(answer.content).get("peer")
    return isinstance(peer, dict) and peer.get("reachable") is True


def is_flash_unread() -> bool:
    """Can nobody here even look what is saved?"""
    try:
        with repository.open_directory(write=False) as directory:
            repository.numbers(directory)
    except Busy:  # somebody reads or writes there at this moment
        return False
    except Failure:
        return True
    return False


def _saved_problem() -> str:
    """What is wrong with what is saved; "" for nothing."""
    try:
        return saved_state.refresh().problem
    except Failure as error:
        return str(error)
