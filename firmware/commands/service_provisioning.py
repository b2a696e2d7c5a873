"""`service open-provisioning`: has the factory's line be used again."""

from firmware.commands import operator_identity
from firmware.commands.cli import parse_arguments
from firmware.operations import provisioning_port


def open_again(argv: list[str]) -> int:
    """Ask for a code that only who sees the console can type, then take the lock away."""
    parse_arguments(argv, "")
    console = provisioning_port.require_console()
    code = provisioning_port.make_code()
    print("Whoever reaches the line ttyS1 then can give this unit another identity and other passwords.")
    print(f"Type {code} to open it: ", flush=True)
    try:
        typed = input()
    except EOFError:
        typed = ""
    serial = provisioning_port.open_again(code, typed, who=operator_identity.identify())
    print(
        f"{serial or 'this unit'}: the provisioning line is open from the next boot on, until it is locked again ({console})"
    )
    return 0
