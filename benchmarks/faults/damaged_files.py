"""Files that jobs read, cut, flipped, emptied, overwritten or replaced: what reading them gives.

A property-based generator (hypothesis) draws the kind of file and the damage; `--seed` draws others. Any
outcome but a sentence that names the file, the same content, or, of kinds without sums, another whole file
ends the benchmark with the damage that did it.
"""

import argparse
import os
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "benchmarks")]

from helpers.damage import ANOTHER, REFUSED, SAME, Damage, DamagedFiles, damages  # noqa: E402
from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from support import print_table  # noqa: E402


def counted(examples: int, number: int) -> dict[str, Counter[str]]:
    """Return the counts of outcomes for each kind of file, in the present folder, which is empty."""
    files = DamagedFiles()
    found: dict[str, Counter[str]] = {name: Counter() for name in sorted(files.kinds)}

    @seed(number)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(name=st.sampled_from(sorted(files.kinds)), damage=damages())
    def read(name: str, damage: Damage) -> None:
        found[name][files.outcome(name, damage)] += 1

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read()
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=500, help="damaged files (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the generator (%(default)s)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        found = counted(asked.examples, asked.seed)
        os.chdir(ROOT)
    columns = [REFUSED, SAME, ANOTHER]
    rows = [[name, *(str(of[column]) for column in columns)] for name, of in found.items()]
    total = ["all", *(str(sum(of[column] for of in found.values())) for column in columns)]
    print_table(f"{asked.examples} damaged files", ["file", *columns], [*rows, total])


if __name__ == "__main__":
    main()
