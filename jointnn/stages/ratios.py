"""ratios: by how much the data of an experiment tell its networks apart, from halves of every seed.

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

    # A figure finds the method by its rounds; how many there are makes no difference to halves.
    context = Context(job.experiment, [job.method], job.datasets, job.seeds, {job.method: 1}, job.groups)
    with style():
        write_atomically(job.drawing, to_svg(figure[paths.SPLIT_HALVES](context)))
    write_table(job.table, context.ratios)
