"""Start-up time of each stage: what a job pays for Python and imports besides its work.

CPU time, which on an idle machine is the wall time. Stages that need torch may take the time of
`import torch` and a second; the others a second.
"""

import os
import resource
import subprocess
import sys
from statistics import median

from support import ROOT, is_quick, print_table

from jointnn.__main__ import JOBS, TOOLS

LATER = {
    "fetch": "pyarrow.parquet",
    "prepare": "pyarrow.parquet",
    "figures": ", ".join(f"jointnn.reporting.figures.{name}" for name in ("curves", "groups", "style")),
}
"""Modules that a stage imports when it starts to work, besides those of its file. `fetch` imports a
source's own package, scikit-learn or the like, and `track` MLflow; those times are theirs."""


def seconds(code: str, argument: str = "") -> tuple[float, bool]:
    """Return the CPU time of a Python process [s], and whether it imported torch."""
    end = "import sys; print('torch' in sys.modules)\nif len(sys.argv) > 2: jointnn.__main__.leave(0)"
    command = [sys.executable, "-c", f"{code}\n{end}", argument, *(["job"] if argument in JOBS else [])]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    ).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return taken, done.strip() == "True"


def start_of(stage: str) -> str:
    """Return the code of all that `python -m jointnn STAGE` does before its work."""
    name = stage if stage in JOBS else f"tools.{stage}"
    later = f"\nimport {LATER[stage]}" if stage in LATER else ""
    return f"import jointnn.__main__\njointnn.__main__.parser()\njointnn.__main__.stage_of({name!r}){later}"


def main() -> None:
    """Print the table: the median of some rounds, each of which starts every stage once."""
    quick = is_quick(__doc__)
    stages = ["collect", "train"] if quick else [*JOBS, *TOOLS]
    codes = {"import torch": "import torch", **{stage: start_of(stage) for stage in stages}}
    times: dict[str, list[float]] = {name: [] for name in codes}
    needs_torch = {}
    for _ in range(1 if quick else 3):
        for name, code in codes.items():
            taken, needs_torch[name] = seconds(code, name)
            times[name].append(taken)
    torch = median(times["import torch"])
    rows = [["import torch", "yes", f"{torch:.2f}", ""]]
    for stage in stages:
        target = torch + 1 if needs_torch[stage] else 1
        needs = "yes" if needs_torch[stage] else "no"
        rows.append([stage, needs, f"{median(times[stage]):.2f}", f"{target:.2f}"])
    print_table("Start-up", ["stage", "imports torch", "CPU time (s)", "target (s)"], rows)


if __name__ == "__main__":
    main()
