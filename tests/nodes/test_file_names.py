"""A file name in Latin-1 is spelt one way, whoever speaks of it."""

import re

import pytest
from lab_driver import Lab

NAME = b"/etc/haproxy/caf\xe9.http"


@pytest.mark.all
def test_a_name_in_latin_1_is_spelt_one_way(module_lab: Lab) -> None:
    lab = module_lab
    lab.run(1, "sh", "-c", 'cp "$0" "$0.kept"; echo text >"$1"', "/etc/haproxy/haproxy.cfg", NAME)
    said = [
        lab.run(1, "config", *words.split(), check=False) for words in ("changes", "diff", "save -m x", "diff factory")
    ]
    lab.run(1, "sh", "-c", 'mkfifo "$0.fifo"', NAME)
    said += [lab.run(1, "config", "save", check=False), lab.run(1, "config", "changes", check=False)]
    lab.run(1, "sh", "-c", 'rm "$0.fifo"; ln -s nowhere "$0.link"', NAME)
    said += [lab.run(1, "service", "haproxy", "apply", check=False)]
    lab.run(1, "sh", "-c", 'rm "$0.link" "$0"; echo "defaults\n errorfile 503 $0" >>/etc/haproxy/haproxy.cfg', NAME)
    said += [lab.run(1, "service", "haproxy", "check", check=False)]
    text = "\n".join(one.stdout + one.stderr for one in said)
    spelt = re.findall(r"caf[^.\n]*\.http", text)
    assert len(spelt) >= 6 and set(spelt) == {"caf\\351.http"}, text
