"""Tables that a person looks at: numbers over seeds in Markdown and LaTeX, time and memory."""

from jointnn.tables.rendering import table_latex, table_markdown
from jointnn.tables.results import (
    AVERAGE,
    Measure,
    Results,
    mean_and_deviation,
    measure_of,
    read_metrics,
    results_from,
    summarise,
)
from jointnn.tables.times import times

__all__ = [
    "AVERAGE",
    "Measure",
    "Results",
    "mean_and_deviation",
    "measure_of",
    "read_metrics",
    "results_from",
    "summarise",
    "table_latex",
    "table_markdown",
    "times",
]
