"""Parameters that are written wrong: keys, values, types, YAML, files; what reading them gives.

A generator with a seed draws what is wrong. Each is accepted, and its whole graph of jobs worked out
twice, or refused by lines of at most 300 characters. Anything else ends the benchmark with its number.
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

from helpers.mutations import KINDS, Parameters, mutation  # noqa: E402
from support import print_table  # noqa: E402


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=2000, help="mutations (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the generator (%(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first mutation (%(default)s)")
    asked = parser.parse_args()
    found: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    wrong = []
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.chdir(folder)
        parameters = Parameters()
        for number in range(asked.first, asked.first + asked.examples):
            drawn = mutation(parameters.files, asked.seed, number)
            try:
                outcome = parameters.outcome(drawn)
            except AssertionError as error:
                outcome = "anything else"
                wrong.append(str(error))
                print(error, file=sys.stderr, flush=True)
            found[list(KINDS)[number % len(KINDS)]][outcome] += 1
        os.chdir(ROOT)
    columns = ["refused", "accepted", "anything else"]
    rows = [[name, *(str(of[column]) for column in columns)] for name, of in found.items()]
    total = ["all", *(str(sum(of[column] for of in found.values())) for column in columns)]
    print_table(f"{asked.examples} mutations of parameters", ["first mutation", *columns], [*rows, total])
    if wrong:
        sys.exit(f"{len(wrong)} mutations ended otherwise.")


if __name__ == "__main__":
    main()
