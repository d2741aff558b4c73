"""One table in two languages: Markdown for the repository, LaTeX (booktabs) for a paper."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jointnn.tables.results import AVERAGE, Results, mean_and_deviation

MISSING = "X"
OURS = "joint"
MOST_DATASETS = 4  # in one column of a page


@dataclass(frozen=True)
class Markup:
    """How a language writes what a table needs."""

    bold: str
    note: str
    plus_minus: str
    minus: str


MARKDOWN = Markup(bold="**{}**", note="<sup>{}</sup>", plus_minus=" ± ", minus="−")
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
    """`text` as LaTeX prints it: special characters escaped."""
    return re.sub(".", lambda found: LATEX_SPECIAL.get(found[0], found[0]), text)


@dataclass
class Notes:
    """Footnotes a, b, ...: one for every set of seeds that a cell lacks."""

    seeds: Sequence[int]
    letters: dict[tuple[int, ...], str] = field(default_factory=dict)

    def letter(self, there: Mapping[int, float]) -> str:
        """The letter of a cell's footnote; empty if no seed is missing."""
        missing = tuple(seed for seed in self.seeds if seed not in there)
        if not missing:
            return ""
        return self.letters.setdefault(missing, chr(ord("a") + len(self.letters)))

    def sentences(self) -> list[tuple[str, str]]:
        """(letter, what it says) of each footnote, in the order in which cells asked for them."""
        sentences = []
        for missing, letter in self.letters.items():
            there = f"over {len(self.seeds) - len(missing)} of {len(self.seeds)} seeds"
            names = ", ".join(map(str, missing))
            sentences.append((letter, f"{there}; no result for seed {names}."))
        return sentences


def header(results: Results) -> list[str]:
    """The sentences over a table: what it shows, of how many seeds, how it was selected."""
    seeds = ", ".join(map(str, results.seeds))
    count = f"{len(results.seeds)} seed{'s' * (len(results.seeds) > 1)} ({seeds})"
    better = "higher" if results.measure.higher_is_better else "lower"
    spread = "mean ± standard deviation over " if len(results.seeds) > 1 else ""
    sentences = [
        f"{results.metric.capitalize()} on the test split in {results.measure.unit} ({better} is "
        f"better), {spread}{count}."
    ]
    if results.selection:
        sentences.append(f"Selection: {results.selection.rstrip('.')}.")
    sentences.append(f"The best of a column is bold; {MISSING} marks a missing result.")
    if results.reference:
        names = ", ".join(results.reference)
        sentences.append(f"Below the rule, references and no competitors: {names}.")
    return sentences


def _cell(results: Results, method: str, dataset: str, notes: Notes, markup: Markup) -> str:
    values = results.cell(method, dataset)
    if not values:
        return MISSING
    mean, deviation = mean_and_deviation(list(values.values()))
    text = results.measure.number(mean)
    if deviation is not None:
        text += markup.plus_minus + results.measure.number(deviation)
    if results.is_best(method, dataset):
        text = markup.bold.format(text)
    letter = notes.letter(values)
    return text + (markup.note.format(letter) if letter else "")


def _rows(results: Results, methods: Sequence[str], notes: Notes, markup: Markup) -> list[list[str]]:
    return [
        [method, *(_cell(results, method, column, notes, markup) for column in results.columns)]
        for method in methods
    ]


def _paired_rows(results: Results, markup: Markup) -> list[list[str]]:
    """Per method: `joint` minus it in the average, mean and deviation over seeds, and seeds won."""
    rows = []
    sign = 1 if results.measure.higher_is_better else -1
    for method in [*results.methods, *results.reference]:
        differences = results.paired(OURS, method)
        if method == OURS:
            continue
        if not differences:
            rows.append([method, MISSING, MISSING])
            continue
        mean, deviation = mean_and_deviation(differences)
        text = results.measure.number(mean, "+").replace("-", markup.minus)
        if deviation is not None:
            text += markup.plus_minus + results.measure.number(deviation)
        won = sum(sign * difference > 0 for difference in differences)
        rows.append([method, text, f"{won} of {len(differences)}"])
    return rows


def _paired_header(results: Results, markup: Markup) -> list[str]:
    better = "above" if results.measure.higher_is_better else "below"
    return ["method", f"{OURS} {markup.minus} method", f"seeds with {OURS} {better}"]


def _lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of a Markdown table, padded so that its source reads well too."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return ["| " + " | ".join(row) + " |" for row in [rows[0], rule, *rows[1:]]]


def table_markdown(results: Results) -> str:
    """table.md: header, methods by datasets, footnotes, paired differences, sources of the data."""
    notes = Notes(results.seeds)
    rows = [["method", *results.columns], *_rows(results, results.methods, notes, MARKDOWN)]
    if results.reference:
        rows.append(["───"] * len(rows[0]))
        rows += _rows(results, results.reference, notes, MARKDOWN)
    blocks = [f"# {results.experiment}", " ".join(header(results)), "\n".join(_lines(rows))]
    blocks += [f"<sup>{letter}</sup> {sentence}" for letter, sentence in notes.sentences()]
    if OURS in results.methods:
        paired = [_paired_header(results, MARKDOWN), *_paired_rows(results, MARKDOWN)]
        blocks.append(
            f"Paired: the {AVERAGE} of `{OURS}` minus that of each method, seed by seed "
            "(the draw of the images, common to both, falls out)."
        )
        blocks.append("\n".join(_lines(paired)))
    if results.sources:
        lines = [f"- {dataset}: {source}" for dataset, source in results.sources.items()]
        blocks.append("\n".join(["Data:", "", *lines]))
    return "\n\n".join(blocks) + "\n"


def _tabular(head: Sequence[str], *parts: Sequence[Sequence[str]]) -> list[str]:
    lines = [rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}", r"\toprule"]
    for part in [[head], *parts]:
        lines += [" & ".join(row) + r" \\" for row in part] + [r"\midrule"]
    return [*lines[:-1], r"\bottomrule", r"\end{tabular}"]


def table_latex(results: Results) -> str:
    r"""table.tex: one float to be \input into a document that uses booktabs.

    Across both columns of a page if there are more than four datasets.
    """
    notes = Notes(results.seeds)
    escaped = [
        [[escape_latex(row[0]), *row[1:]] for row in _rows(results, methods, notes, LATEX)]
        for methods in (results.methods, results.reference)
        if methods
    ]
    head = [escape_latex(column) for column in ["method", *results.columns]]
    caption = escape_latex(" ".join([f"{results.experiment}.", *header(results)]))
    if results.sources:
        sources = "; ".join(f"{dataset}: {text}" for dataset, text in results.sources.items())
        caption += " " + escape_latex(f"Data: {sources}.")
    kind = "table*" if len(results.datasets) > MOST_DATASETS else "table"
    lines = [rf"\begin{{{kind}}}", rf"\caption{{{caption}}}", r"\centering\footnotesize"]
    lines.append(r"\setlength{\tabcolsep}{3pt}")
    lines += [rf"\label{{tab:{results.experiment}}}", *_tabular(head, *escaped)]
    for letter, sentence in notes.sentences():
        lines += ["", rf"\textsuperscript{{{letter}}} {escape_latex(sentence)}"]
    if OURS in results.methods:
        paired = [[escape_latex(row[0]), *row[1:]] for row in _paired_rows(results, LATEX)]
        lines += ["", r"\medskip", *_tabular(_paired_header(results, LATEX), paired)]
    return "\n".join([*lines, rf"\end{{{kind}}}"]) + "\n"
