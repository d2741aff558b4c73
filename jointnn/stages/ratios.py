"""ratios: what the data of an experiment tell apart, from the networks of halves of every seed.

Writes results/<experiment>/figures/split_halves.csv, the ratio of each layer, pair and seed, and the figure
of their means beside it.
"""

from jointnn.io import paths
from jointnn.io.files import write_atomically, write_table
from jointnn.jobs.specs import RatiosJob
from jointnn.reporting.figures import figure


def run(job: RatiosJob) -> None:
    """Write the table and draw the figure."""
    from jointnn.reporting.figures.context import Context
    from jointnn.reporting.figures.style import style, to_svg

    context = Context(job.experiment, [job.method], job.datasets, job.seeds, {job.method: 1}, job.groups)
    with style():
        write_atomically(job.drawing, to_svg(figure[paths.SPLIT_HALVES](context)))
    write_table(job.table, context.ratios)
