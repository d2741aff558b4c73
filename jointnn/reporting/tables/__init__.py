"""Tables that a person looks at: numbers over seeds in Markdown and LaTeX, time and memory."""

from jointnn.parameters.rows import printed
from jointnn.reporting.tables.latex import table_latex
from jointnn.reporting.tables.markdown import markdown_grid, table_markdown
from jointnn.reporting.tables.results import (
    AVERAGE,
    Results,
    mean_and_deviation,
    read_metrics,
    results_from,
    summarise,
)
from jointnn.reporting.tables.times import times

__all__ = [
    "AVERAGE",
    "Results",
    "markdown_grid",
    "mean_and_deviation",
    "printed",
    "read_metrics",
    "results_from",
    "summarise",
    "table_latex",
    "table_markdown",
    "times",
]
