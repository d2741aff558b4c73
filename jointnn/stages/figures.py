"""Stage `figures`: the figures of an experiment as SVG files.

Each figure says which files it reads; what was not run is left out. Writes
results/<experiment>/figures/<name>.svg and groups.csv (the groups of every round and seed, and how well
they agree with the planted ones), and for `dvc plots` the learning curves, results/<experiment>.curves.csv.
"""

from pathlib import Path
from typing import Any

from jointnn.io import paths
from jointnn.io.files import write_atomically, write_table
from jointnn.reporting.figures import figure


def run(settings: dict[str, Any]) -> None:
    """Draw figures.

    Args:
        settings: `experiment`, `methods`, `datasets`, `seeds`, `figures` (names of registered
            figures); optional `rounds`, `groups`, `groups_round` (default: the last), `measures`,
            `labels` (names to print), `size` (of prepared images), `mean_over_seeds`.
    """
    from jointnn.reporting.figures.context import Context
    from jointnn.reporting.figures.curves import curves_table
    from jointnn.reporting.figures.groups import groups_table
    from jointnn.reporting.figures.style import style, to_svg

    context = Context.of(settings)
    folder = Path("results", settings["experiment"], "figures")
    for name in settings["figures"]:
        draw = figure[name]
        with style():
            write_atomically(paths.figure(settings["experiment"], name), to_svg(draw(context)))
    write_table(folder / "groups.csv", groups_table(context))
    write_table(paths.curves(settings["experiment"]), curves_table(context))
