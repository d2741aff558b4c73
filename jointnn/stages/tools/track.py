"""track: results of runs appear in MLflow."""

import argparse
import sys
from contextlib import suppress
from pathlib import Path

from jointnn.reporting.tracking import follow, import_runs
from jointnn.stages.tools.tracked_networks import ExportedNetworks

STORE = "sqlite:///mlflow.db"
MEGABYTES = 100
"""Networks of larger runs stay where they are."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line: python -m jointnn track [EXPERIMENT ...] [--watch] ..."""
    parser.description = (
        "Import finished and running runs into an MLflow store. Importing twice changes nothing, and "
        "the store can be deleted: all of it comes from runs/ and results/. Look at it with: make ui"
    )
    parser.add_argument("experiments", nargs="*", metavar="EXPERIMENT", help="default: all found")
    parser.add_argument("--store", default=STORE, help="a URI as MLflow takes it (%(default)s)")
    parser.add_argument(
        "--networks",
        type=float,
        default=MEGABYTES,
        metavar="MB",
        help="copy the networks of runs whose state is no larger; 0: of none (%(default)s)",
    )
    parser.add_argument(
        "--watch", action="store_true", help="go on while runs train; ends with them or with Ctrl-C"
    )
    parser.add_argument(
        "--interval", type=_seconds, default=5.0, help="seconds between looks (%(default)s)"
    )


def main(arguments: argparse.Namespace) -> None:
    """Import once, or follow the runs of the current folder."""
    root, experiments, store = Path.cwd(), arguments.experiments, arguments.store
    networks = ExportedNetworks(arguments.networks)
    if not arguments.watch:
        _say(str(import_runs(root, experiments, store, networks)))
        return
    with suppress(KeyboardInterrupt):
        follow(root, experiments, store, arguments.interval, _say, networks)


def _seconds(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return value


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
