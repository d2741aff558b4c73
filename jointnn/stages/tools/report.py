"""report: one page of all experiments that have results, report.html, which opens without a network.

It trains and draws nothing. What was not run is left out, and said.
"""

import argparse
import sys
from pathlib import Path

from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.io.files import write_atomically
from jointnn.jobs.outdated import outdated_in_experiment, outdated_in_sweep
from jointnn.parameters.load import read_params
from jointnn.parameters.schema import Params
from jointnn.registry import nearest
from jointnn.reporting.pages.page import SWEEP, Destination, page_of, page_of_sweep
from jointnn.reporting.pages.report import Chapter, report_of

RECORD = "settings.json"
"""Stands beside results that are whole."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line: python -m jointnn report [EXPERIMENT ...] [--output report.html]"""
    parser.description = (
        "Write one HTML page with tables, figures, settings and data of the experiments and sweeps that "
        "have results. It opens in any browser, without a network, and can be sent to others."
    )
    parser.add_argument(
        "names", metavar="EXPERIMENT", nargs="*", help="experiments, or sweep_NAME (default: all)"
    )
    parser.add_argument("--output", type=Path, default=Path("report.html"), help="(%(default)s)")


def main(arguments: argparse.Namespace) -> None:
    """Write the report of what is there.

    Raises:
        UserError: a name is not known, or nothing that is asked for has results.
    """
    params = read_params()
    known = [*params.experiments, *(SWEEP + sweep for sweep in params.sweeps)]
    for name in arguments.names:
        if name not in known:
            raise UserError(f"No experiment is named {name!r}{nearest(name, known)}")
    wanted = arguments.names or known
    there = [name for name in wanted if Path(folder_of(params, name), RECORD).exists()]
    missing = [name for name in arguments.names or params.default if name not in there]
    if not there:
        first = missing[0] if missing else wanted[0]
        raise UserError(
            f"Nothing to report yet: {', '.join(missing or wanted[:3])} has no results. Run it: snakemake "
            f"{first}"
        )
    chapters = [chapter_of(params, name) for name in there]
    write_atomically(arguments.output, report_of(chapters, missing).encode())
    sys.stdout.write(f"{arguments.output}: {', '.join(there)}. Open it in a browser.\n")


def folder_of(params: Params, name: str) -> str:
    """Return the folder of the results of an experiment or a sweep."""
    return f"results/{name}" if name in params.experiments else paths.sweep(name.removeprefix(SWEEP))


def chapter_of(params: Params, name: str) -> Chapter:
    """Return the chapter of an experiment or a sweep, with the settings that have changed since its run."""
    if name in params.experiments:
        return Chapter(
            name, page_of(params, name, Destination(ours=False)), outdated_in_experiment(params, name)
        )
    sweep = name.removeprefix(SWEEP)
    return Chapter(
        name, page_of_sweep(params, sweep, Destination(ours=False)), outdated_in_sweep(params, sweep)
    )
