"""sweep: experiments that differ in one number become one table and one figure.

Reads results/<experiment>/metrics.csv of each. Writes results/sweeps/<sweep>/summary.csv, table.md and
curve.svg.
"""

from pathlib import Path

from jointnn.io.files import write_atomically, write_table
from jointnn.jobs.specs import SweepJob
from jointnn.reporting.tables.sweeps import read_sweep, summarise_sweep, sweep_markdown


def run(job: SweepJob) -> None:
    """Bring the results of a sweep together.

    Raises:
        UserError: the table of an experiment is missing, or has nothing of the measure and dataset.
    """
    from jointnn.reporting.figures.style import style, to_svg
    from jointnn.reporting.figures.sweeps import sweep_curve

    results = read_sweep(job.settings_alone())
    folder = Path(job.folder)
    write_table(folder / "summary.csv", summarise_sweep(results))
    write_atomically(folder / "table.md", sweep_markdown(results).encode())
    with style():
        write_atomically(folder / "curve.svg", to_svg(sweep_curve(results)))
