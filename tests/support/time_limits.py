"""Time limits of the product, shortened on a node: what comes after a limit is the same, and is waited for in seconds.

Each limit is a constant of a module. What is started on the node meanwhile has the other value; what runs keeps its own.
The real limits are waited for in test-all.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from lab_driver import Lab
from product_source import PACKAGE, forget_compiled

#: sets a constant where it stands
_SET = """
import re, sys
from pathlib import Path
path, name, value = Path(sys.argv[1]), *sys.argv[2:]
line = re.compile(rf"^(?:[A-Z_]+, )*{name}(?:, [A-Z_]+)* = .*$", re.M)
text, count = line.subn(lambda found: f"{found[0]}\\n{name} = {value}", path.read_text())
assert count == 1, f"{path}: {name} is set {count} times"
path.write_text(text)
"""


@contextmanager
def time_limit(lab: Lab, node: int, module: str, name: str, seconds: float) -> Iterator[None]:
    """Another value for `NAME` of `module` ("flows.push") in what this node starts meanwhile."""
    path = f"{PACKAGE}/{module.replace('.', '/')}.py"
    before = lab.read(node, path)
    lab.run(node, "/usr/bin/python3", "-c", _SET, path, name, str(seconds))
    forget_compiled(lab, node, path)
    try:
        yield
    finally:
        lab.write(node, path, before)
        forget_compiled(lab, node, path)
