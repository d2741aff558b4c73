"""times: wall time and peak memory per method, from Snakemake's benchmark files.

It prints and writes no file: equal inputs give equal bytes, and times differ.
"""

import argparse
import sys
from pathlib import Path

from jointnn.errors import UserError
from jointnn.reporting.tables import times


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line: python -m jointnn times EXPERIMENT [--seeds 0 1 ...]"""
    parser.description = (
        "Wall time (mean over seeds) and peak memory of every method, from logs/EXPERIMENT/s*/. The "
        "L2 start, trials if there are any, sigma and the rounds of joint are added up."
    )
    parser.add_argument("experiment", metavar="EXPERIMENT")
    parser.add_argument("--seeds", type=int, nargs="+", metavar="SEED", help="default: all found")


def main(arguments: argparse.Namespace) -> None:
    """Print the table.

    Raises:
        UserError: the experiment has no benchmark files.
    """
    folder = Path("logs", arguments.experiment)
    found = sorted(int(path.name[1:]) for path in folder.glob("s*") if path.name[1:].isdigit())
    table = times(arguments.experiment, arguments.seeds or found)
    if table.empty:
        raise UserError(
            f"{folder} has no benchmark files of these seeds. Run the experiment: snakemake "
            f"{arguments.experiment}"
        )
    text = table.to_string(index=False, float_format="{:.1f}".format, na_rep="")
    sys.stdout.write(text + "\n")
