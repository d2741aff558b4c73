"""collect: the metrics of all seeds of an experiment become its tables.

Reads results/<experiment>/s<seed>/metrics.csv. Writes metrics.csv, summary.csv, table.md and table.tex
into results/<experiment>/, and the means for `dvc metrics` into results/<experiment>.metrics.json.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from jointnn.io import paths
from jointnn.io.files import write_atomically, write_json, write_table
from jointnn.jobs.specs import CollectJob
from jointnn.reporting.notes_on_data import notes_on_data
from jointnn.reporting.tables import read_metrics, results_from, summarise, table_latex, table_markdown
from jointnn.tasks.measures import check_given


def run(job: CollectJob) -> None:
    """Collect the metrics of an experiment.

    What the tasks tell of their measures is read from measures.json beside the metrics of each seed; what
    is to be said of the images, from the manifests of the datasets where they are at hand.

    Raises:
        UserError: the task gives none of a measure that is wanted.
    """
    methods = list(dict.fromkeys([*job.methods, *job.reference]))
    metrics = read_metrics(job.experiment, methods, job.datasets, job.seeds)
    check_given(job.measures, metrics.loc[metrics.split == "test", "metric"], "on the test split")
    notes = notes_on_data(job.experiment, job.datasets, job.task)
    results = [results_from(metrics, job.settings_alone(), measure, notes) for measure in job.measures]
    folder = Path(job.folder)
    write_table(folder / "metrics.csv", metrics)
    summary = summarise(metrics)
    write_table(folder / "summary.csv", summary)
    write_json(paths.metrics(job.experiment), means(summary))
    write_atomically(folder / "table.md", table_markdown(results).encode())
    write_atomically(folder / "table.tex", table_latex(results).encode())


def means(summary: pd.DataFrame) -> dict[str, Any]:
    """Return the means over seeds on the test split for `dvc metrics`, by metric, method and dataset."""
    found: dict[str, Any] = {}
    rows = summary[summary["split"] == "test"][["metric", "method", "dataset", "mean"]]
    for metric, method, dataset, mean in rows.itertuples(index=False):
        found.setdefault(metric, {}).setdefault(method, {})[dataset] = mean
    return found
