"""Time of `make` on a fresh clone: the installation with nothing in uv's cache, again from it, and the run.

Wall time, once each: nobody installs in turns. It downloads 3 GB and needs 12 GB of disk for a while.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from support import is_quick, print_table
from support.project import copy_of_project

TARGETS = {"install": 60, "make": 270}
"""Seconds on two quiet cores."""


def seconds(folder: Path, cache: Path, *target: str) -> float:
    """Return how long `make` takes in a folder, with uv's cache at `cache` [s]."""
    own = {"UV_CACHE_DIR": str(cache), "PIP_NO_CACHE_DIR": "1"}
    begin = time.perf_counter()
    done = subprocess.run(
        ["make", *target],
        cwd=folder,
        env={**os.environ, **own},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"make {' '.join(target)} failed:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - begin


def main() -> None:
    """Print the table."""
    quick = is_quick(__doc__)
    rows = []
    with TemporaryDirectory() as place:
        cache = Path(place, "cache")
        cases = [
            ("install, nothing in the cache", [".venv/ready"], TARGETS["install"]),
            ("install, from the cache", [".venv/ready"], TARGETS["install"]),
            *([] if quick else [("make, installed from the cache: install and run", [], TARGETS["make"])]),
        ]
        for number, (name, target, at_most) in enumerate(cases):
            folder = Path(place, str(number))
            copy_of_project(folder)
            rows.append([name, f"{seconds(folder, cache, *target):.0f}", str(at_most)])
    print_table("A fresh clone", ["what", "wall time (s)", "at most (s)"], rows)


if __name__ == "__main__":
    main()
