"""Tables in LaTeX (booktabs), for a paper."""

import re
from collections.abc import Sequence

from jointnn.reporting.tables.rendering import (
    Markup,
    Notes,
    columns,
    compared,
    header,
    paired_columns,
    paired_rows,
    remarks,
    rows,
    sources,
)
from jointnn.reporting.tables.results import Results

MOST_DATASETS = 4  # in one column of a page
LATEX = Markup(bold=r"\textbf{{{}}}", note=r"\textsuperscript{{{}}}", plus_minus=r" $\pm$ ", minus="$-$")
LATEX_SPECIAL = {
    **{character: "\\" + character for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "±": r"$\pm$",
    "−": "$-$",
}


def escape_latex(text: str) -> str:
    """Return `text` with the special characters of LaTeX escaped."""
    return re.sub(".", lambda found: LATEX_SPECIAL.get(found[0], found[0]), text)


def table_latex(measured: Sequence[Results]) -> str:
    r"""Return table.tex: a float per measure, to be \input into a document that uses booktabs.

    A float goes across both columns of a page if there are more than four datasets.
    """
    return "\n".join(_table(results, first=index == 0) for index, results in enumerate(measured))


def _table(results: Results, *, first: bool) -> str:
    notes = Notes(results.seeds)
    escaped = [
        [[escape_latex(row[0]), *row[1:]] for row in rows(results, methods, notes, LATEX)]
        for methods in (results.methods, results.reference)
        if methods
    ]
    head = [escape_latex(column) for column in columns(results)]
    caption = escape_latex(" ".join([f"{results.experiment}.", *header(results, first=first)]))
    if results.sources and first:
        caption += " " + escape_latex(f"Data: {'; '.join(sources(results))}.")
    kind = "table*" if len(results.datasets) > MOST_DATASETS else "table"
    label = results.experiment if first else f"{results.experiment}_{results.measure.name}"
    lines = [rf"\begin{{{kind}}}", rf"\caption{{{caption}}}", r"\centering\footnotesize"]
    lines.append(r"\setlength{\tabcolsep}{3pt}")
    lines += [rf"\label{{tab:{label}}}", *_tabular(head, *escaped)]
    for letter, sentence in notes.sentences():
        lines += ["", rf"\textsuperscript{{{letter}}} {escape_latex(sentence)}"]
    for sentence in remarks(results) if first else ():
        lines += ["", escape_latex(sentence)]
    for ours in compared(results):
        paired = [[escape_latex(row[0]), *row[1:]] for row in paired_rows(results, ours, LATEX)]
        lines += ["", r"\medskip", *_tabular(paired_columns(results, ours, LATEX), paired)]
    return "\n".join([*lines, rf"\end{{{kind}}}"]) + "\n"


def _tabular(head: Sequence[str], *parts: Sequence[Sequence[str]]) -> list[str]:
    lines = [rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}", r"\toprule"]
    for part in [[head], *parts]:
        lines += [" & ".join(row) + r" \\" for row in part] + [r"\midrule"]
    return [*lines[:-1], r"\bottomrule", r"\end{tabular}"]
