"""`service help NAME`, and the page docs/directives.md, which says the same of every service."""

from pathlib import Path

import pytest

from firmware.commands import service
from firmware.commands.cli import dispatch
from firmware.errors import Usage
from firmware.operations import service_help
from firmware.services import catalog

PAGE = Path(__file__).parents[3] / "docs/directives.md"


def test_the_page_of_directives_is_as_the_declarations_are() -> None:
    assert PAGE.read_text() == service_help.as_markdown(service_help.all_services()), "make -f image.mk directives"


@pytest.mark.parametrize("one", list(catalog.services()), ids=lambda one: one.name)
def test_help_names_every_directive_with_its_type(one: catalog.Service, capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch("service", service.VERBS, ["help", one.name], service.ABOUT, service.LATER) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"service {one.name}") and one.summary in said[0]
    assert {f"{directive.key}  {directive.value.name}" for directive in one.directives} <= set(said)


def test_help_without_a_name_is_that_of_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["help"], ["--help"], ["haproxy", "--help"]):
        assert dispatch("service", service.VERBS, words, service.ABOUT, service.LATER) == 0
        assert "usage: service" in capsys.readouterr().out


def test_help_on_an_instance_is_that_on_its_service() -> None:
    assert service_help.explain("network.eth0") == service_help.explain("network")
    with pytest.raises(Usage, match="nothing: there is no such service"):
        service_help.explain("nothing")


def test_what_runs_nothing_yet_says_so() -> None:
    runs_nothing = {
        one.header.split()[1] for one in service_help.all_services() if "has no effect" in " ".join(one.notes)
    }
    assert {"haproxy", "network", "system", "syslogd"}.isdisjoint(runs_nothing)
