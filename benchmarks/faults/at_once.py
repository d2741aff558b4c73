"""Two calls at once in one folder: two of Snakemake, two imports into MLflow, DVC beside Snakemake.

The second begins after a random time. One of them may be told to wait, in a sentence; then it is typed
again. What they leave must be what an undisturbed call leaves.
"""

import argparse
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks"), str(ROOT / "tests")]

from support import print_table  # noqa: E402
from support.engines import LOCKED, SECONDS, Engine, engines  # noqa: E402

PAIRS, BOTH, TOLD, WRONG = "pairs", "both ended well", "one was told", "ended otherwise"


def pair(first: Engine, second: list[str], draw: random.Random) -> tuple[str, list[str]]:
    """Run two commands at once in a fresh project; return what came of it, and what is wrong."""
    first.project = first.fresh()
    processes = [first.start()]
    time.sleep(draw.uniform(0, first.seconds / 2))
    processes.append(first.project.start(*second))
    said = [process.communicate(timeout=SECONDS)[0] for process in processes]
    failed = [text for process, text in zip(processes, said, strict=True) if process.returncode]
    wrong = [text[-1500:] for text in failed if "Traceback" in text or not re.search(LOCKED, text)]
    if len(failed) == len(processes):
        wrong.append("none of the two ended well")
    wrong += first.again()
    return WRONG if wrong else TOLD if failed else BOTH, wrong


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5, help="of each kind (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of times (%(default)s)")
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    draw, found = random.Random(asked.seed), {}
    with tempfile.TemporaryDirectory() as folder:
        every = engines(Path(folder))
        snakemake, repro, track = (every[name] for name in ("snakemake", "dvc repro", "track"))
        kinds = {
            "two snakemake": (snakemake, snakemake.command),
            "two track": (track, track.command),
            "snakemake beside dvc repro": (repro, snakemake.command),
        }
        for kind, (first, second) in kinds.items():
            found[kind] = Counter({PAIRS: asked.pairs})
            for _ in range(asked.pairs):
                outcome, lines = pair(first, second, draw)
                found[kind][outcome] += 1
                for line in lines[:3]:
                    print(f"{kind}: {line}", file=sys.stderr, flush=True)
    columns = [PAIRS, BOTH, TOLD, WRONG]
    rows = [[kind, *(str(of[column]) for column in columns)] for kind, of in found.items()]
    print_table("Two at once", ["typed", *columns], rows)
    if any(of[WRONG] for of in found.values()):
        sys.exit("Two at once were not as one after the other.")


if __name__ == "__main__":
    main()
