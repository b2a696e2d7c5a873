"""Random texts of config.rc: most lines are right, some of them are changed in one word; nobody knows whether that made them wrong."""

import random

from random_network import random_block

#: lines that are right by themselves, for each service; a block takes some of them, in any order
_LINES = {
    "system": (
        "hostname lb1", "sysctl net.core.somaxconn=4096", "nameserver 192.0.2.53 2001:db8::53", "dns 192.0.2.54",
        "search example.com", "env VIP1 192.0.2.80", 'env GREETING "two words"', "transparent_source on", "vt_consoles 2",
        "extra_consoles ttyS0:9600:vt100",
    ),
    "syslogd": ("remote 192.0.2.20:514", "size 512", "rotate 8", "buffer 64", "level 6", "config /etc/syslogd/syslog.conf"),
    "sshd": ("port 2222", "port 2223", "listen 127.0.0.1", "config /etc/ssh/sshd_config", "check_interval 5"),
    "firewall": (
        "config /etc/firewall/rules.nft", "forward off", "no forward", "forward on", "from_peer on",
        "conntrack tcp_timeout_established 7200", "conntrack udp_timeout 45",
    ),
    "haproxy": ("config /etc/haproxy/haproxy.cfg", "old_workers 2", "check_interval 7", "cpumask 0"),
    "wui": ("port 4445", "listen 127.0.0.1", "tls off", "check_interval 7"),
    "ipvsd": ("config /etc/ipvsd/ipvsd.conf", "check_interval 7", "cpumask 0"),
    "network wg0": (
        "wg listen_port 51999", "wg fwmark 0x7", "ip route 10.67.0.0/16 -", "mtu 1380", "ip6 address fd00:66::1/128", "shutdown",
        "wg private_key /etc/wg/none", "ip address 10.66.0.9/32",
    ),
    "wg": ("endpoint 192.0.2.9:51820", "keepalive 25", "keepalive off", "allowed_ips 10.68.0.0/16,10.69.0.0/24"),
    "wg far": ("endpoint [2001:db8::9]:51820", "keepalive 1"),
    "network br0": (
        "ip address 10.9.0.2/24", "ip6 address fd00:9::1/64", "ip route 10.8.0.0/16 10.9.0.254", "bridge_stp on", "mtu 1400",
        "ip neigh 10.9.0.7 02:00:00:00:00:07", "ip rule from 10.9.0.0/24 table 100 pref 700", "sysctl rp_filter=0",
        "unload true", "arp off", "multicast off", "shutdown off", "sysctl6 accept_ra=0",
    ),
    "network tun0": ("ip address 10.7.0.1/32", "ip route 10.6.0.0/16 -", "mtu 1300", "shutdown", "load true", 'load "true && true"'),
    "vrrp": ("track_svc sshd", "track_mgt syslogd", "notify /bin/true"),
    "ntp": ("server 192.0.2.124", "check_interval 9"),
}  # fmt: skip
_KEY = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="
#: what a block has to say before anything else in it can be right
_FIRST = {
    "network br0": ("type bridge", "ip address 10.9.0.1/24"),
    "network tun0": ("type tun",),
    "ntp": ("server 192.0.2.123",),
    "network wg0": ("type wg", "ip address 10.66.0.1/32", "wg private_key /etc/wg/key"),
    "wg": ("interface wg0", f"public_key {_KEY}", "allowed_ips 10.66.0.2/32"),
    "wg far": ("interface wg0", f"public_key {_KEY}", "allowed_ips 10.66.0.3/32"),
}
_FRAMEWORK = ("cpumask 0", "no autostart", "check_interval 5")
_VRRP = ("vrrp prio 110", "vrrp garp 5", "vrrp address 10.1.0.98", "vrrp address fd00:1::99/64")
_WORDS = (
    "", "0", "-1", "1", "7", "255", "256", "65536", "99999999999", "on", "off", "no", "-", "--", "default", "x", "é", "a" * 70,
    "10.1.0.1", "10.9.0.1/24", "10.9.0.254", "300.1.1.1", "::1", "fd00:9::2/64", "1.2.3.4/33", "eth0", "spare", "br0", "lo",
    "127.0.0.1", "0.0.0.0", "224.0.0.1", "/etc/passwd", "/etc/ssh/../passwd", "a=b", "net.core.nothing=1", "kernel.hostname=x",
    "$(reboot)", "table", "metric", "src", "via", "tun", "bridge", "haproxy", "*", "%s", "\\", "'", '"', "a;b", "{", "}",
)  # fmt: skip


def random_config(chance: random.Random) -> str:
    """The text of a config.rc, with interface `spare`, the key /etc/wg/key and the file of
    ipvsd where it needs what is there; in every other one some words are not
    what they should be."""
    names = chance.sample(list(_LINES), chance.randint(1, 4))
    blocks = [_block(chance, name) for name in names]
    if "vrrp" in names or chance.random() < 0.4:
        vrrp = (
            ["vrrp id 7", "vrrp address 10.1.0.99/24", *chance.sample(_VRRP, chance.randint(0, 4))]
            if "vrrp" in names
            else []
        )
        blocks.insert(0, [*random_block(chance, "spare").splitlines(), *(f"\t{line}" for line in vrrp)])
    if {"wg", "wg far"} & set(names) and "network wg0" not in names and chance.random() < 0.9:
        blocks.insert(0, _block(chance, "network wg0"))
    lines = [line for block in blocks for line in (*block, "")]
    for _ in range(chance.choice((0, 0, 1, 2))):
        _spoil(chance, lines)
    return "\n".join(lines) + "\n"


def _block(chance: random.Random, name: str) -> list[str]:
    head = chance.choice(("service", "service", "service", "no service")) if chance.random() < 0.2 else "service"
    lines = chance.sample(_LINES[name], chance.randint(0, min(4, len(_LINES[name]))))
    lines += chance.sample(_FRAMEWORK, 1) if chance.random() < 0.1 else []
    return [f"{head} {name}", *(f"\t{line}" for line in (*_FIRST.get(name, ()), *lines))]


def _spoil(chance: random.Random, lines: list[str]) -> None:
    """Change a word of a line, take one away, add one; or have the line twice, or elsewhere."""
    place = chance.randrange(len(lines))
    words = lines[place].split() or ["service"]
    index = chance.randrange(len(words))
    how = chance.randrange(6)
    if how < 3:
        words[index] = chance.choice(_WORDS)
    elif how == 3:
        words.insert(index + 1, chance.choice(_WORDS))
    elif how == 4:
        del words[index]
    else:
        lines.insert(chance.randrange(len(lines)), lines[place])
        return
    lines[place] = "\t" * lines[place].startswith("\t") + " ".join(words)
