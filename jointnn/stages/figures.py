"""figures: the figures of an experiment as SVG files.

Each figure says which files it reads; what was not run is left out. Writes
results/<experiment>/figures/<name>.svg and groups.csv (the groups of every round and seed, and how well
they agree with the planted ones), trials.csv where a method chose its scale in its run, and for
`dvc plots` the learning curves, results/<experiment>.curves.csv.
"""

from pathlib import Path

from jointnn.io import paths
from jointnn.io.files import write_atomically, write_table
from jointnn.jobs.specs import FiguresJob
from jointnn.reporting.figures import figure


def run(job: FiguresJob) -> None:
    """Draw figures."""
    from jointnn.reporting.figures.context import Context
    from jointnn.reporting.figures.curves import curves_table
    from jointnn.reporting.figures.groups import groups_table
    from jointnn.reporting.figures.style import style, to_svg
    from jointnn.reporting.trials import trials_of

    context = Context.of(job.settings_alone())
    folder = Path(job.folder)
    for name in job.figures:
        draw = figure[name]
        with style():
            write_atomically(paths.figure(job.experiment, name), to_svg(draw(context)))
    write_table(folder / "groups.csv", groups_table(context))
    write_table(paths.curves(job.experiment), curves_table(context))
    if job.tried:
        write_table(paths.trials(job.experiment), trials_of(job.experiment, job.seeds, job.tried))
