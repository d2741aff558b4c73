"""Tables in Markdown, for the repository."""

from collections.abc import Sequence

from jointnn.parameters.rows import ALONE, printed
from jointnn.reporting.tables.rendering import (
    Markup,
    Notes,
    capitalised,
    columns,
    compared,
    dataset_columns,
    dataset_rows,
    harm,
    header,
    joining,
    paired_columns,
    paired_rows,
    remarks,
    rows,
    sources,
)
from jointnn.reporting.tables.results import AVERAGE, Results

REMARKS = "To know before a score is believed:"
MARKDOWN = Markup(bold="**{}**", note="<sup>{}</sup>", plus_minus=" ± ", minus="−")


def markdown_grid(lines: Sequence[Sequence[str]], words: int = 1) -> str:
    """Return a Markdown table of a head and rows, padded so that its source reads well too.

    Args:
        words: columns that hold words and begin at the left; those after them, numbers, end at the right.
    """
    widths = [max(2, *map(len, column)) for column in zip(*lines, strict=True)]
    padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    rule = ["-" * width if k < words else "-" * (width - 1) + ":" for k, width in enumerate(widths)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [padded[0], rule, *padded[1:]])


def table_markdown(measured: Sequence[Results]) -> str:
    """Return table.md: a title, a table per measure with its sentences, and at the end the data."""
    blocks = [f"# {measured[0].experiment}"]
    for index, results in enumerate(measured):
        if len(measured) > 1:
            blocks.append(f"## {capitalised(results.measure.title)}")
        blocks += _table(results, first=index == 0)
    for title, lines in ((REMARKS, remarks(measured[0])), ("Data:", sources(measured[0]))):
        if lines:
            blocks.append("\n".join([title, "", *(f"- {line}" for line in lines)]))
    return "\n\n".join(blocks) + "\n"


def _table(results: Results, *, first: bool) -> list[str]:
    """Return the blocks of a table: header, methods by datasets, footnotes, paired differences."""
    notes = Notes(results.seeds)
    lines = [columns(results), *rows(results, results.methods, notes, MARKDOWN)]
    if results.reference:
        lines.append(["───"] * len(lines[0]))
        lines += rows(results, results.reference, notes, MARKDOWN)
    blocks = [" ".join(header(results, first=first)), markdown_grid(lines)]
    blocks += [f"<sup>{letter}</sup> {sentence}" for letter, sentence in notes.sentences()]
    why = " (the draw of the images, common to both, falls out)" if first else ""
    for ours in compared(results):
        blocks.append(
            f"Paired: the {AVERAGE} of `{printed(ours)}` minus that of each method, in "
            f"{results.measure.unit_of_differences}, "
            f"seed by seed{why}."
        )
        lines = [paired_columns(results, ours, MARKDOWN), *paired_rows(results, ours, MARKDOWN)]
        blocks.append(markdown_grid(lines))
    if ours := joining(results):
        blocks.append(
            f"Each dataset by itself: `{printed(ours)}` minus `{ALONE}`, seed by seed. {harm(results)}"
        )
        lines = [dataset_columns(results, MARKDOWN), *dataset_rows(results, MARKDOWN)]
        blocks.append(markdown_grid(lines))
    return blocks
