"""golden: run tiny jobs of every kind, and compare every array that they make with the golden ones."""

import argparse
import sys

from jointnn.stages.tools import golden_bytes as golden


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line: python -m jointnn golden [--write | --add]"""
    parser.description = (
        "Run the jobs of tests/golden/params.yaml, half a minute, and compare each of their arrays with "
        "the golden ones: to the bit on a machine that has digests; else at least half of them within 1e-5."
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--write", action="store_true", help="make golden bytes anew: their numbers have changed"
    )
    choice.add_argument(
        "--add",
        action="store_true",
        help="add digests for this machine; to be run where the code is golden on another",
    )


def main(arguments: argparse.Namespace) -> None:
    """Compare, or write.

    Raises:
        UserError: an array is not the golden one.
    """
    arrays = golden.made_now()
    if arguments.write:
        golden.write(arrays)
    said = golden.compare(arrays)
    if arguments.add:
        golden.write_digests_of_this_machine(arrays)
    sys.stdout.write(f"{said}\n")
