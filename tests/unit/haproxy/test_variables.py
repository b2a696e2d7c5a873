"""Variables of the environment in haproxy.cfg: which of them somebody has to set."""

import subprocess
from pathlib import Path

import pytest

from firmware.haproxy.variables import named_variables, unknown_variables
from firmware.services.node_values import VARIABLE, haproxy_text


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ('bind "${VIP1}:80"', ["VIP1"]),
        ('bind "$VIP1":80', ["VIP1"]),
        ("bind '${VIP1}:80'", []),
        ("bind ${VIP1}:80", []),
        (r'log "\${VIP1} $B"', ["B"]),
        ('server a "${HOST-127.0.0.1}:${PORT}"', ["PORT"]),
        ('bind :80 # "${VIP1}"', []),
        ('acl x str(\'"\') -m str "$A" "$B"', ["A", "B"]),
        ('default-server "${ARGS[*]}"', ["ARGS"]),
        ('log-format "%ci $"', []),
        ('monitor "$"', []),
        ('bind "${VIP1', ["VIP1"]),
    ],
)
def test_variables_are_named_in_double_quotes(line: str, names: list[str]) -> None:
    assert list(named_variables(line)) == names


def unknown(directory: Path, text: str, base: str = "") -> list[str]:
    (directory / "base").mkdir(exist_ok=True)
    (directory / "base/node.cfg").write_text(f"global\n{base}")
    path = directory / "haproxy.cfg"
    path.write_text(text)
    return [line.removeprefix(f"{path}:") for line in unknown_variables(str(path), str(directory / "base"))]


def test_one_that_nothing_sets_is_told_once_with_its_line_and_the_remedy(tmp_path: Path) -> None:
    found = unknown(tmp_path, 'frontend x\n bind "${VIP1}:80"\n bind "${VIP1}:81"\n bind "${NODE}"\n')
    assert found == [
        "2: this node does not know the variable VIP1: config add system env VIP1 VALUE",
        "4: this node does not know the variable NODE: it is LOCAL_NODE of /etc/csyncd/csyncd.cfg",
    ]


@pytest.mark.parametrize(
    "text",
    [
        'global\n setenv VIP1 10.0.0.1\nfrontend x\n bind "${VIP1}:80"\n',
        'global\n "presetenv" VIP1 10.0.0.1\nfrontend x\n bind "${VIP1}:80"\n',
        '.if defined(VIP1)\nfrontend x\n bind "${VIP1}:80"\n.endif\n',
        'frontend x\n bind "${VIP1-10.0.0.1}:80"\n',
        'peers p\n peer "${HAPROXY_LOCALPEER}" 10.0.0.1:1\n log "${.LINE}"\n',
    ],
)
def test_what_the_file_sees_to_itself_is_its_own_business(tmp_path: Path, text: str) -> None:
    assert unknown(tmp_path, text.replace('"presetenv"', "presetenv")) == []


def test_what_the_node_sets_is_known(tmp_path: Path) -> None:
    text = 'frontend x\n bind "${VIP1}:80"\n'
    assert unknown(tmp_path, text, "    setenv VIP1 'x'\n") == [] and unknown(tmp_path, text) != []


@pytest.mark.parametrize("value", ["10.0.0.1", "a b", 'it\'s "so" \\ $HOME ${X} # no', "", "ü"])
def test_haproxy_gets_each_value_as_it_is(tmp_path: Path, value: str) -> None:
    """haproxy itself says what it read: it writes its whole environment where a keyword is unknown."""
    assert VARIABLE.problem(("VIP1", value)) == ""
    (tmp_path / "1.cfg").write_text(haproxy_text({"VIP1": value}))
    (tmp_path / "2.cfg").write_text('global\n stats socket "unix@/nowhere/[${VIP1}]" "[${VIP1}]"\n')
    said = subprocess.run(
        ["haproxy", "-c", "-f", tmp_path / "1.cfg", "-f", tmp_path / "2.cfg"], capture_output=True, text=True
    )
    assert f"'[{value}]'" in said.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("VIP1",),
        ("VIP1", "a", "b"),
        ("1VIP", "a"),
        ("", "a"),
        ("A-B", "a"),
        ("NODE", "7"),
        ("PATH", "/"),
        ("A", "\x1b"),
    ],
)
def test_what_is_no_variable_of_ours_is_refused(words: tuple[str, ...]) -> None:
    assert VARIABLE.problem(words) and not VARIABLE.from_peer
