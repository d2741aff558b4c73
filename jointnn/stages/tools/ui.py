"""ui: all runs in MLflow's pages, until Ctrl-C."""

import argparse
import sys
import time
from contextlib import suppress
from pathlib import Path

from jointnn.errors import UserError
from jointnn.reporting.tracking import import_runs
from jointnn.reporting.tracking.serve import EXPERIMENTS, HOST, RUNS, bound, serve
from jointnn.reporting.tracking.usable import database
from jointnn.stages.tools.track import MEGABYTES, STORE
from jointnn.stages.tools.tracked_networks import ExportedNetworks

PORT = 5077
MOST = 12
"""Experiments that get a line each."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line: python -m jointnn ui [--port PORT] [--store URI]"""
    parser.description = (
        "Import all runs into MLflow's store and serve its pages on this machine, until Ctrl-C. While runs "
        "train, `python -m jointnn track --watch` in a second terminal follows them."
    )
    parser.add_argument(
        "--port", type=int, default=PORT, metavar="PORT", help="0: any that is free (%(default)s)"
    )
    parser.add_argument("--store", default=STORE, help="of SQLite (%(default)s)")


def main(arguments: argparse.Namespace) -> None:
    """Import, serve and say where.

    Raises:
        UserError: the port or the store cannot be used, or there are no runs.
    """
    file = database(arguments.store)
    if not file:
        raise UserError(
            f"{arguments.store} is no file of SQLite, which `ui` serves. Import into a server with: "
            f"python -m jointnn track --store {arguments.store}"
        )
    with bound(arguments.port) as at:
        begun = time.monotonic()
        _say("Importing runs into MLflow ...")
        done = import_runs(Path.cwd(), [], arguments.store, ExportedNetworks(MEGABYTES))
        _say(f"{done} ({time.monotonic() - begun:.0f} s)")
        start = f"http://{HOST}:{at.getsockname()[1]}/"
        named = [f"  {each.name}: {start}{RUNS.format(each.id)}" for each in done.experiments[:MOST]]
        lines = [f"MLflow: {start}{EXPERIMENTS}", *named, "Ctrl-C ends it."]
        with suppress(KeyboardInterrupt):
            serve(at, Path(file), done.experiments, lambda: _say("\n".join(lines)))
        after = "\n" if sys.stdout.isatty() else ""  # the ^C that a terminal shows
        _say(f"{after}MLflow has ended; `make ui` starts it again.")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
