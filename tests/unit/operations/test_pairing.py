"""Trust in two steps: what was fetched is trusted only with the right code, or once a person has agreed."""

import pytest

from firmware.errors import Refused
from firmware.operations.pairing import FetchedKeys, require_code
from firmware.sync.keys import Key, PublicKeys
from firmware.sync.settings import Settings

BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
FETCHED = FetchedKeys(
    Settings("10.32.0.11", "10.32.0.12", 1, 2), PublicKeys(2, Key("ssh-ed25519", BLOB), Key("ssh-ed25519", BLOB)), ()
)


def test_the_right_code_however_a_person_types_it() -> None:
    code = FETCHED.public.code
    for typed in (code, code.lower(), code.replace("-", ""), code.replace("0", "o").replace("1", "l")):
        require_code(FETCHED, typed)


def test_another_code_is_refused_with_the_right_one() -> None:
    code = FETCHED.public.code
    for wrong in ("", "-", code[:-1], code + "0", code[::-1]):
        with pytest.raises(Refused, match=f"the peer's code is {code}, not "):
            require_code(FETCHED, wrong)
