"""`service help NAME`: what the block of a service may hold."""

from firmware.commands.cli import parse_arguments
from firmware.operations import service_help


def explain(argv: list[str]) -> int:
    """Print every directive of a service: its type, what it means, its default, an example."""
    (title,), _ = parse_arguments(argv, "NAME")
    found = service_help.explain(title)
    print(f"{found.header}: {found.summary}")
    for note in found.notes:
        print(note)
    for directive in found.directives:
        print("\n".join(["", *service_help.lines_of(directive)]))
    print("\nEvery service understands, too:")
    for directive in found.common:
        print("\n".join(["", *service_help.lines_of(directive)]))
    return 0
