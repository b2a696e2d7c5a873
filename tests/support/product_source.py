"""The product's sources on a node, edited in place by tests."""

from pathlib import PurePosixPath

from lab_driver import Lab

PACKAGE = "/usr/lib/python3/dist-packages/firmware"


def forget_compiled(lab: Lab, node: int, *sources: str) -> None:
    """What was compiled of these files before is not compared with them: without it, what starts from now on loads them as they
    are. Only theirs is removed: meanwhile others may compile what else lies there."""
    paths = [PurePosixPath(source) for source in sources]
    patterns = " ".join(f"{path.parent}/__pycache__/{path.stem}.*.pyc" for path in paths)
    lab.run(node, "sh", "-c", f"rm -f {patterns}")
