"""What is said of each directive: `service help NAME` and docs/directives.md print it."""

import pytest

from firmware.rc import check
from firmware.rc.document import parse
from firmware.services import catalog
from firmware.services.definition import Directive, Service

SERVICES = list(catalog.services())

each_directive = pytest.mark.parametrize(
    ("service", "directive"),
    [(service, directive) for service in SERVICES for directive in service.directives],
    ids=lambda one: one.name if isinstance(one, Service) else one.key.replace(" ", "-"),
)


@each_directive
def test_its_example_is_a_line_that_config_check_takes(service: Service, directive: Directive) -> None:
    header = f"service {service.name}" + (" one" if service.instances == "required" else "")
    block = parse(f"{header}\n\t{directive.example}\n").blocks[0]
    problems = check.block_problems(block, service)
    assert problems == [] or (directive.not_supported and directive.not_supported in problems[0])
    assert len(block.occurrences(directive.key)) == 1, f"{directive.example!r} is no example of {directive.key}"


@each_directive
def test_its_help_is_one_short_line(service: Service, directive: Directive) -> None:
    assert directive.help.isprintable() and 0 < len(directive.help) <= 80 and directive.help[-1] != "."
    assert directive.value.name and "\n" not in directive.value.name
