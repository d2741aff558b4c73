"""Stage `collect`: the metrics of all seeds of an experiment become its tables.

Reads results/<experiment>/s<seed>/metrics.csv. Writes metrics.csv, summary.csv, table.md and table.tex
into results/<experiment>/, and the means for `dvc metrics` into results/<experiment>.metrics.json.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from jointnn.io import paths
from jointnn.io.files import write_atomically, write_json, write_table
from jointnn.reporting.tables import read_metrics, results_from, summarise, table_latex, table_markdown
from jointnn.tasks.measures import check_given


def run(settings: dict[str, Any]) -> None:
    """Collect the metrics of an experiment.

    What the tasks tell of their measures is read from measures.json beside the metrics of each seed.

    Args:
        settings: `experiment`, `methods`, `datasets`, `seeds`, `measures` (a table for each); optional
            `reference` (methods that are no competitors), and for the header of the first table
            `selection`, `sources`, `features`, `generated` and `seen`.

    Raises:
        UserError: the task gives none of a measure that is wanted.
    """
    reference = settings.get("reference") or []
    methods = list(dict.fromkeys([*settings["methods"], *reference]))
    metrics = read_metrics(settings["experiment"], methods, settings["datasets"], settings["seeds"])
    given = metrics.loc[metrics.split == "test", "metric"]
    check_given(settings["measures"], given, "on the test split")
    results = [results_from(metrics, settings, measure) for measure in settings["measures"]]
    folder = Path("results", settings["experiment"])
    write_table(folder / "metrics.csv", metrics)
    summary = summarise(metrics)
    write_table(folder / "summary.csv", summary)
    write_json(paths.metrics(settings["experiment"]), means(summary))
    write_atomically(folder / "table.md", table_markdown(results).encode())
    write_atomically(folder / "table.tex", table_latex(results).encode())


def means(summary: pd.DataFrame) -> dict[str, Any]:
    """Means over seeds on the test split by metric, method and dataset, as `dvc metrics` reads them."""
    found: dict[str, Any] = {}
    rows = summary[summary["split"] == "test"][["metric", "method", "dataset", "mean"]]
    for metric, method, dataset, mean in rows.itertuples(index=False):
        found.setdefault(metric, {}).setdefault(method, {})[dataset] = mean
    return found
