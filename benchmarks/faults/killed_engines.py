"""Snakemake, DVC, the import into MLflow and fetch, killed by SIGKILL and typed again: is anything lost?

Each is killed one to three times after random times, then typed until it ends well. What it leaves must be
what an undisturbed call leaves: every byte, of MLflow's store what a person sees.
"""

import argparse
import os
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks"), str(ROOT / "tests")]

from support import print_table  # noqa: E402
from support.engines import engines  # noqa: E402

KILLS, ENDED, WRONG = "kills", "calls that then ended well", "calls that lost something"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="%(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of times (%(default)s)")
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    draw, wrong = random.Random(asked.seed), 0
    with tempfile.TemporaryDirectory() as folder:
        every = engines(Path(folder))
        found = {kind: Counter[str]() for kind in every}
        while sum(of[KILLS] for of in found.values()) < asked.kills:
            kind = min(found, key=lambda name: found[name][KILLS])
            met, lines = every[kind].killed(draw, draw.randint(1, 3))
            found[kind] += Counter({KILLS: met, ENDED: not lines, WRONG: bool(lines)})
            wrong += bool(lines)
            for line in lines[:3]:
                print(f"{kind}: {line}", file=sys.stderr, flush=True)
    columns = [KILLS, ENDED, WRONG]
    total = sum(found.values(), Counter[str]())
    rows = [
        [kind, *(str(of[column]) for column in columns)] for kind, of in [*found.items(), ("all", total)]
    ]
    print_table("Engines killed by SIGKILL and typed again", ["typed", *columns], rows)
    if wrong:
        sys.exit("Something was lost.")


if __name__ == "__main__":
    main()
