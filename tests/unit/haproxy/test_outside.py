"""Files that a push leaves behind are told with their line; what every node has is not."""

from pathlib import Path

import pytest

from firmware.haproxy.outside import left_behind


def told(directory: Path, text: str) -> list[str]:
    path = directory / "haproxy.cfg"
    path.write_text(text)
    return [
        line.partition(" is not below /etc/haproxy, so it is not pushed")[0].removeprefix(f"{path}:")
        for line in left_behind(str(path))
    ]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("bind :443 ssl crt /etc/ssl/private/site.pem", "/etc/ssl/private/site.pem"),
        ("bind :443 ssl crt-list /root/list alpn h2", "/root/list"),
        ("server a 10.0.0.1:443 ssl verify required ca-file /etc/pki/ca.pem", "/etc/pki/ca.pem"),
        ("errorfile 503 /var/errors/503.http", "/var/errors/503.http"),
        ("use_backend %[req.hdr(host),lower,map(/srv/hosts.map,b)]", "/srv/hosts.map"),
        ("use_backend %[base,map_beg(/srv/hosts.map)]", "/srv/hosts.map"),
        ("http-request deny if { src -f /srv/black.lst }", "/srv/black.lst"),
        ("http-request return status 200 file /srv/robots.txt", "/srv/robots.txt"),
        ("bind :443 ssl crt '/etc/haproxy/../x.pem'", "/etc/x.pem"),
    ],
)
def test_a_file_outside_of_the_directory_of_the_service_is_told(tmp_path: Path, line: str, name: str) -> None:
    assert told(tmp_path, f"listen x\n  {line}\n") == [f"2: warning: {name}"]


def test_names_below_a_base_are_told_where_they_stand(tmp_path: Path) -> None:
    base = "global\n crt-base /etc/ssl/private\n ca-base /etc/ssl/certs\n lua-load /srv/x.lua\n"
    assert told(tmp_path, f"{base}listen x\n bind :443 ssl crt a.pem ca-file ca-certificates.crt\n") == [
        "4: warning: /srv/x.lua",
        "6: warning: /etc/ssl/private/a.pem",
    ]
    assert told(tmp_path, base.replace(" lua-load /srv/x.lua\n", "")) == []


@pytest.mark.parametrize(
    "line",
    [
        "bind :443 ssl crt /etc/haproxy/a.pem",
        "server a 10.0.0.1:443 ssl ca-file @system-ca",
        "server a 10.0.0.1:443 ssl ca-file /etc/ssl/certs/ca-certificates.crt",
        "stats socket /var/run/haproxy.sock",
        "option httpchk GET /health",
        "acl x path_beg -f /dev/null",
    ],
)
def test_what_is_pushed_or_is_everywhere_is_not_told(tmp_path: Path, line: str) -> None:
    assert told(tmp_path, f"listen x\n  {line}\n") == []


def test_what_does_not_outlive_a_reboot_either_is_said_to(tmp_path: Path) -> None:
    path = tmp_path / "haproxy.cfg"
    path.write_text("listen x\n errorfile 503 /var/503.http\n errorfile 500 /etc/500.http\n")
    first, second = left_behind(str(path))
    assert "gone after a reboot" in first and "reboot" not in second
