"""The text of a results page: its words stand in templates/*.md, which a person can edit (Jinja)."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from jointnn.io import paths
from jointnn.io.files import read_bytes, read_table, write_atomically
from jointnn.parameters.schema import Params
from jointnn.parameters.search import rule
from jointnn.registry import short
from jointnn.reporting.measures import read_measures
from jointnn.reporting.pages import sections
from jointnn.reporting.tables import grid, printed, times
from jointnn.reporting.tables.rendering import capitalised
from jointnn.reporting.words import in_words, listed

PAGES, IMAGES = Path("docs/results"), Path("docs/images")
NUMBERS = PAGES / "paper.csv"
"""The paper's numbers: columns experiment,method,dataset,measure,value,source."""
CAPTIONS = Path("workflow/report")
SWEEP = "sweep_"
"""What the target of a sweep begins with."""
MARK = "<!-- Made by python -m jointnn page: edit the text in readings/, not here. -->"
"""The first line of every page, by which one that a person wrote is told."""


def page_of(params: Params, name: str) -> str:
    """Return the text of an experiment's page; its figures are copied to docs/images/."""
    experiment, folder = params.experiments[name], Path("results", name)
    points, numbers = Path("search", name, "grid.csv"), read_table(folder / "summary.csv")
    paper = read_table(NUMBERS) if NUMBERS.exists() else numbers.iloc[:0]
    table = read_table(points) if points.exists() else None
    drawn, missing = figures(name, experiment.figures)
    told = read_measures(name, experiment.seeds)
    return _rendered(
        "experiment.md",
        name,
        experiment=experiment,
        tables=sections.results(_text(folder / "table.md")),
        rule=rule(params.experiments, name),
        **sections.beside_the_paper(paper[paper.experiment == name], numbers, told),
        **sections.selected(experiment, table, told),
        data=sections.data(experiment, params.datasets),
        cost=sections.cost(times(name, experiment.seeds), experiment.methods),
        figures=drawn,
        missing=missing,
    )


def page_of_sweep(params: Params, sweep: str) -> str:
    """Return the text of a sweep's page; its curve is copied to docs/images/."""
    name, folder = SWEEP + sweep, Path(paths.sweep(sweep))
    return _rendered(
        "sweep.md",
        name,
        experiments=[f"`{one}`" for one in params.sweeps[sweep].experiments],
        tables=sections.results(_text(folder / "table.md")),
        figure=figure(folder / "curve.svg", f"{name}_curve", caption("sweep")),
    )


def _rendered(template: str, name: str, **values: Any) -> str:
    """Return a template with its values, and with what a person wrote."""
    environment = Environment(
        loader=PackageLoader("jointnn.reporting.pages"),
        autoescape=False,  # it is Markdown
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "capitalised": capitalised,
        "grid": grid,
        "in_words": in_words,
        "listed": listed,
        "paragraph": lambda text: " ".join(text.split()) + "\n",
        "printed": printed,
    }
    what, reading = read_reading(name)
    made = environment.get_template(template).render(
        mark=MARK, name=name, what=what, reading=reading, **values
    )
    return made.rstrip("\n") + "\n"


def read_reading(name: str) -> tuple[str, str]:
    """Return what a person wrote: what the experiment is, and its reading; a sentence where nothing is."""
    path = PAGES / "readings" / f"{name}.md"
    missing = f"Not written yet: {path.as_posix()} has no "
    text = _text(path) if path.exists() else ""
    what, *reading = re.split(r"^## Reading[ \t]*\n", text, maxsplit=1, flags=re.MULTILINE)
    said = "".join(reading).strip()
    return what.strip() or f"{missing}text.", said or f'{missing}section "Reading".'


def figures(name: str, wanted: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the figures with their captions, each copied beside the page, and those that are not drawn."""
    blocks, missing = [], []
    for one in wanted:
        drawn = Path(paths.figure(name, one))
        if drawn.exists():
            blocks.append(figure(drawn, f"{name}_{short(one)}", caption(short(one))))
        else:
            missing.append(f"`{one}`")
    return blocks, missing


def figure(drawn: Path, name: str, said: str) -> str:
    """Return a figure and what is said of it; the file is copied to docs/images/ under its name there."""
    copy = IMAGES / f"{name}.svg"
    write_atomically(copy, read_bytes(drawn))
    short = re.match(r"(Figure \d\. )?[^.:(]*", said.replace("`", ""))
    return f"![{short[0].strip() if short else name}](../images/{copy.name})\n\n{said}"


def caption(figure: str) -> str:
    """Return the caption of a figure in the report, as Markdown; its name if it has none."""
    path = CAPTIONS / f"{figure}.rst"
    text = _text(path) if path.exists() else f"``{figure}``"
    return " ".join(text.replace("``", "`").split())


def _text(path: Path) -> str:
    return read_bytes(path).decode("utf-8")
