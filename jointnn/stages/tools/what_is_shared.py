"""what_is_shared: one page on what the data of experiments tell apart, docs/results/what_is_shared.md.

It trains and draws nothing. A person writes docs/results/readings/what_is_shared.md: first a few words,
then, under `## Reading`, an honest reading; both are inserted whole.
"""

import argparse
import sys
from pathlib import Path

from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.io.files import write_atomically
from jointnn.jobs.outdated import stale_halves
from jointnn.parameters.load import read_params
from jointnn.registry import nearest
from jointnn.reporting.pages.page import Place
from jointnn.reporting.pages.what_is_shared import NAME, page_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line: python -m jointnn what_is_shared [EXPERIMENT ...]"""
    parser.description = (
        "Write docs/results/what_is_shared.md: for each experiment whose figures have split_halves, the "
        "ratio of distances to what chance gives, layer by layer, and the closest and the farthest pair."
    )
    parser.add_argument(
        "names", metavar="EXPERIMENT", nargs="*", help="default: all whose halves were trained"
    )


def main(arguments: argparse.Namespace) -> None:
    """Write the page.

    Raises:
        UserError: an experiment is not known, has no halves that were trained, or was run with other
            settings; or the page was written by hand.
    """
    params, place = read_params(), Place(ours=True)
    for name in arguments.names:
        if name not in params.experiments:
            raise UserError(f"No experiment is named {name!r}{nearest(name, params.experiments)}")
        if not Path(paths.ratios(name)).exists():
            raise UserError(
                f"{name} has no {paths.ratios(name)}. Add split_halves to its figures and run: snakemake "
                f"{name}"
            )
    there = [name for name in params.experiments if Path(paths.ratios(name)).exists()]
    names = arguments.names or there
    if not names:
        raise UserError(
            "No experiment has halves that were trained. Add split_halves to the figures of one."
        )
    for name in names:
        if differences := stale_halves(params, name):
            raise UserError(
                f"The halves of {name!r} were trained with other settings than the parameters say now: "
                f"{', '.join(differences)}. Run it again: snakemake {name}"
            )
    page = place.page(NAME)
    if page.exists() and not page.read_text(encoding="utf-8").startswith(place.mark):
        raise UserError(
            f"{page} was not made by this tool, so it is not overwritten. Move what it says to "
            f"{page.parent / 'readings' / page.name} and delete it."
        )
    write_atomically(page, page_of(params, names, place).encode())
    sys.stdout.write(f"{page}\n")
