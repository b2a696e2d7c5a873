"""The way that csyncd's packets take to the peer: through a WireGuard tunnel, or past one that they should take.

The kernel is asked where it sends them, WireGuard which networks it carries. A tunnel whose handshakes are healthy proves
nothing: without a route through it, or with the wrong allowed_ips, packets go past it in plain.
"""

import ipaddress
import json
import time
from dataclasses import dataclass
from pathlib import Path

from firmware import addresses
from firmware.errors import Failure
from firmware.run import run
from firmware.sync.settings import Settings

#: seconds after which a session of WireGuard is dead
_DEAD = 180


@dataclass(frozen=True, slots=True)
class PeerPath:
    """`way` says in words which way packets take, "" on a node without WireGuard; `problem` why that is not what is meant, and
    `remedy` what to do about it."""

    way: str = ""
    problem: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class _TunnelPeer:
    """A peer of a WireGuard interface: the networks that it may have, and when it last shook hands (0: never)."""

    interface: str
    networks: tuple[str, ...]
    last_handshake: int

    def carries(self, address: str) -> bool:
        """Is that address behind it?"""
        return any(
            ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False) for network in self.networks
        )


def peer_path(settings: Settings) -> PeerPath:
    """The way to the peer. On a node without WireGuard, no program is run."""
    if not _has_wireguard():
        return PeerPath()
    try:
        return _explain_path(settings, _device(settings), _tunnel_peers())
    except (Failure, ValueError, LookupError):
        return PeerPath()


def _explain_path(settings: Settings, device: str, peers: list[_TunnelPeer]) -> PeerPath:
    remote, tunnels = settings.remote_ip, {peer.interface for peer in peers}
    behind = [peer for peer in peers if peer.carries(remote)]
    own = addresses.local_addresses().get(settings.local_ip, "")
    plain = f"is reached over {device} in plain" if device else "there is no route to it"
    way = f"over {device}, in plain" if device else "there is none"
    if behind and device not in {peer.interface for peer in behind}:
        return PeerPath(
            way,
            f"{remote} is behind {behind[0].interface}'s peer, but {plain}",
            f"`ip route get {remote} from {settings.local_ip}`; service wg apply makes a route to each of allowed_ips",
        )
    if not behind and own in _wireguard_interfaces():
        return PeerPath(
            way,
            f"LOCAL_IP {settings.local_ip} is on {own}, but no peer of it has {remote} in its allowed_ips; {plain}",
            f"allowed_ips {remote}/{ipaddress.ip_address(remote).max_prefixlen} in service wg, then service wg apply",
        )
    if device not in tunnels:
        return PeerPath(way)
    return _through_tunnel(device, max(peer.last_handshake for peer in behind or peers))


def _through_tunnel(device: str, last_handshake: int) -> PeerPath:
    age = time.time() - last_handshake
    remedy = f"wg show {device}: the endpoint, UDP on the way, and the keys here and there"
    if not last_handshake:
        return PeerPath(f"through {device}", f"{device} has not shaken hands with its peer yet", remedy)
    errors = _receive_errors(device)
    if age > _DEAD:
        return PeerPath(
            f"through {device}", f"{device} shook hands with its peer {age:.0f} s ago, and not since", remedy
        )
    dropped = f", {errors} packets dropped: allowed_ips does not have where they come from" if errors else ""
    return PeerPath(f"through {device} (last handshake {max(age, 0):.0f} s ago{dropped})")


def _has_wireguard() -> bool:
    return bool(_wireguard_interfaces())


def _wireguard_interfaces() -> set[str]:
    """Interfaces of the kernel's WireGuard, and of the program that does the same where the kernel has none."""
    found = {path.stem for path in Path("/run/wireguard").glob("*.sock")}
    for path in Path("/sys/class/net").glob("*/uevent"):
        try:
            if "DEVTYPE=wireguard" in path.read_text():
                found.add(path.parent.name)
        except OSError:
            continue
    return found


def _device(settings: Settings) -> str:
    done = run(["ip", "-j", "route", "get", settings.remote_ip, "from", settings.local_ip], check=False)
    return str(json.loads(done.stdout)[0]["dev"]) if not done.status and done.stdout.strip() else ""


def _tunnel_peers() -> list[_TunnelPeer]:
    peers = []
    for line in run(["wg", "show", "all", "dump"]).stdout.splitlines():
        words = line.split("\t")
        if len(words) == 9:  # a line of an interface has five
            networks = () if words[4] == "(none)" else tuple(words[4].split(","))
            peers.append(_TunnelPeer(words[0], networks, int(words[5])))
    return peers


def _receive_errors(device: str) -> int:
    try:
        return int(Path("/sys/class/net", device, "statistics/rx_errors").read_text())
    except (OSError, ValueError):
        return 0
