"""A scratch copy of the project, and what a call of Python in it prints and costs."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from support import ROOT


class Call(NamedTuple):
    """A call: its output on both streams, and its wall and CPU time with its children [s]."""

    said: str
    wall: float
    processor: float


def copy_of_project(folder: Path) -> None:
    """Copy everything that git has or would add into a folder, and no results."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def called(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Call:
    """Call this Python in `folder`, successfully, and return the call.

    Args:
        environment: variables besides those of this process; without it the package is that of `folder`.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    own = {"PYTHONPATH": str(folder)} if environment is None else environment
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path, **own},
        capture_output=True,
        text=True,
        check=False,
    )
    wall, after = perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"python {' '.join(arguments)} failed:\n{done.stderr}")
    taken = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Call(done.stdout + done.stderr, wall, taken)
