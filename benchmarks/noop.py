"""Time of `snakemake` when nothing is to be done, for the default experiments as params.yaml has them.

In a scratch copy of the project every output stands as an empty file beside the record of its settings:
that is all the workflow looks at, so nothing has to be trained for it.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from support import ROOT, is_quick, print_table


def copy_of_project(folder: Path) -> None:
    """Everything that git has or would add, and no results."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def snakemake(folder: Path, *arguments: str) -> str:
    """What a call in `folder` prints; it must succeed."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"snakemake {' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout + done.stderr


def pretend_finished(folder: Path) -> int:
    """Make every output of the default experiments, with one time for all; returns how many."""
    table = snakemake(folder, "--summary").splitlines()
    header = next(place for place, line in enumerate(table) if line.startswith("output_file\t"))
    outputs = [line.split("\t")[0] for line in table[header + 1 :] if "\t" in line]
    now = later_than_all(folder)
    for output in outputs:
        path, settings = folder / output, folder / "work" / "settings" / output
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(settings.read_bytes() if settings.exists() else b"")
        os.utime(path, (now, now))
    return len(outputs)


def later_than_all(folder: Path) -> float:
    """A time later than that of every file."""
    return max(path.stat().st_mtime for path in folder.rglob("*")) + 1


def timed(folder: Path, *arguments: str, expected: str, repeats: int) -> list[str]:
    """Fastest wall time and CPU time of a call whose answer holds `expected`."""
    walls, processors = [], []
    for _ in range(repeats):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
        text = snakemake(folder, *arguments)
        walls.append(perf_counter() - start)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processors.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        if expected not in text:
            sys.exit(f"snakemake {' '.join(arguments)} does not say {expected!r}:\n{text}")
    return [f"{min(walls):.1f}", f"{min(processors):.1f}"]


def main() -> None:
    """Print the table."""
    repeats = 1 if is_quick(__doc__) else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_of_project(folder)
        outputs = pretend_finished(folder)
        rows = [
            ["snakemake --version", "", *timed(folder, "--version", expected="", repeats=repeats), ""],
            [
                "snakemake",
                str(outputs),
                *timed(folder, expected="Nothing to be done", repeats=repeats),
                "5",
            ],
        ]
    columns = ["call", "output files", "wall time (s)", "CPU time (s)", "target (s)"]
    print_table("Snakemake when nothing is to be done", columns, rows)


if __name__ == "__main__":
    main()
