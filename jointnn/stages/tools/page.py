"""page: the results page of an experiment or sweep, results/<its name>.md, from files that are there.

It trains and draws nothing. With --docs it writes a page of the project's documentation,
docs/results/<its name>.md. For that a person writes docs/results/readings/<its name>.md: first what the
experiment is, then, under `## Reading`, an honest reading; both are inserted whole. Two pages are made of
several experiments: `what_is_shared`, what their data tell apart, and `the_paper`, its claims beside them.
"""

import argparse
import sys
from pathlib import Path

from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.io.files import read_text, write_atomically
from jointnn.jobs.outdated import outdated_in_experiment, outdated_in_ratios, outdated_in_sweep
from jointnn.parameters.load import read_params
from jointnn.parameters.schema import Params
from jointnn.registry import nearest
from jointnn.reporting.pages import the_paper, what_is_shared
from jointnn.reporting.pages.page import SWEEP, Destination, page_of, page_of_sweep


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line: python -m jointnn page EXPERIMENT [EXPERIMENT or sweep_NAME ...]"""
    parser.description = (
        "Write results/EXPERIMENT.md, with tables, figures, settings and data, from the results of an "
        "experiment that was run, or of a sweep: sweep_NAME."
    )
    parser.add_argument(
        "names",
        metavar="EXPERIMENT",
        nargs="+",
        help=f"its name; with --docs also {the_paper.NAME}, the paper's claims and what our pages say, and "
        f"{what_is_shared.NAME}, what data tell apart, of all experiments whose halves were trained",
    )
    parser.add_argument(
        "--docs",
        action="store_true",
        help="a page of the project's documentation instead: docs/results/EXPERIMENT.md, with the paper's "
        "numbers, what a person wrote in docs/results/readings/EXPERIMENT.md, and copies of its figures, "
        "docs/images/EXPERIMENT_*.svg",
    )


def main(arguments: argparse.Namespace) -> None:
    """Write the pages; nothing is written if one of the experiments was not run.

    Raises:
        UserError: an experiment is not known, was not run, or was run with other settings; or a claim of
            the paper names what no page says.
    """
    params, place = read_params(), Destination(ours=arguments.docs)
    names = sorted(arguments.names, key=lambda name: name == the_paper.NAME)  # it reads the others
    for name in names:
        check(params, name, place)
    for name in names:
        page = place.page(name)
        if name == the_paper.NAME:
            text = the_paper.page_of_the_paper()
        elif name == what_is_shared.NAME:
            text = what_is_shared.page_of(params, place)
        elif name in params.experiments:
            text = page_of(params, name, place)
        else:
            text = page_of_sweep(params, name.removeprefix(SWEEP), place)
        write_atomically(page, text.encode())
        sys.stdout.write(f"{page}\n")


def check(params: Params, name: str, place: Destination) -> None:
    """Refuse a page that would not tell the truth.

    Raises:
        UserError: the experiment is not known, was not run, or was run with other settings; or its page was
            written by hand.
    """
    if name in (the_paper.NAME, what_is_shared.NAME):
        if not place.ours:
            raise UserError(f"{name} is a page of the documentation: python -m jointnn page --docs {name}")
        if name == what_is_shared.NAME:
            _check_page(name, place)
            _check_ratios(params)
        return
    folders = {SWEEP + sweep: Path(paths.sweep(sweep)) for sweep in params.sweeps}
    folders |= {experiment: Path("results", experiment) for experiment in params.experiments}
    if name not in folders:
        raise UserError(f"No experiment is named {name!r}{nearest(name, folders)}")
    record = folders[name] / "settings.json"
    if not record.exists():
        raise UserError(f"{name!r} was not run: {record} is missing. Run it: snakemake {name}")
    _check_page(name, place)
    is_sweep = name not in params.experiments
    if (
        differences := outdated_in_sweep(params, name.removeprefix(SWEEP))
        if is_sweep
        else outdated_in_experiment(params, name)
    ):
        raise UserError(
            f"The results of {name!r} were made with other settings than the parameters say now: "
            f"{', '.join(differences)}. Run it again: snakemake {name}"
        )


def _check_page(name: str, place: Destination) -> None:
    """Refuse to write over what a person wrote."""
    page = place.page(name)
    if page.exists() and not read_text(page).startswith(place.mark):
        other = page.parent / "readings" / page.name if place.ours else "another file"
        raise UserError(
            f"{page} was not made by this tool, so it is not overwritten. Move what it says to {other} and "
            "delete it."
        )


def _check_ratios(params: Params) -> None:
    """Refuse ratios that were made with other settings, and a page of none."""
    names = what_is_shared.experiments_of(params)
    if not names:
        raise UserError(
            "No experiment has halves that were trained. Train those of one: "
            f"snakemake {paths.figure('EXPERIMENT', paths.SPLIT_HALVES)}"
        )
    for name in names:
        if differences := outdated_in_ratios(params, name):
            raise UserError(
                f"The ratios of {name!r} were made with other settings than the parameters say now: "
                f"{', '.join(differences)}. Make them again, with snakemake "
                f"{paths.figure(name, paths.SPLIT_HALVES)}, or delete {paths.ratios(name)}."
            )
