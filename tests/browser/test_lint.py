"""eslint finds nothing in the JavaScript of the pages, by our own configuration (firmware/wui/frontend/eslint.config.js)."""

import shutil
import subprocess
from pathlib import Path

#: the pages as `make -f image.mk assets` puts them together with what npm brings
FRONTEND = Path(__file__).parents[2] / "build/frontend"


def lint(directory: Path) -> str:
    """What eslint says of a directory; "" for nothing."""
    argv = ["node", "node_modules/eslint/bin/eslint.js", "--max-warnings=0", str(directory)]
    return subprocess.run(argv, cwd=FRONTEND, capture_output=True, text=True, timeout=120).stdout


def test_eslint_finds_nothing_in_the_pages() -> None:
    assert lint(Path(".")) == ""


def test_eslint_would_find_a_name_that_is_not_there_and_one_that_nobody_uses() -> None:
    place = FRONTEND / "src/linted"
    place.mkdir(exist_ok=True)
    try:
        (place / "wrong.js").write_text("const unused = 1;\nmissing.innerHTML = 2;\n")
        said = lint(place)
    finally:
        shutil.rmtree(place)
    assert all(rule in said for rule in ("no-unused-vars", "no-undef", "no-restricted-properties")), said
