"""The text of a results page: its words stand in templates/*.md, which a person can edit (Jinja).

A page is a user's own, results/<name>.md beside the results, and holds nothing but them; or it is one of
the project's, docs/results/<name>.md, with a reading, the paper's numbers, and copies of its figures.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from jointnn.io import paths
from jointnn.io.files import read_bytes, read_table, write_atomically
from jointnn.parameters.schema import Params
from jointnn.parameters.search import rule
from jointnn.registry import short
from jointnn.reporting.measures import read_measures
from jointnn.reporting.notes_on_data import notes_on_data
from jointnn.reporting.pages import sections
from jointnn.reporting.tables import markdown_grid, printed, times
from jointnn.reporting.tables.rendering import capitalised
from jointnn.reporting.trials import by_scale, read_trials
from jointnn.reporting.words import in_words, listed

PAGES, IMAGES = Path("docs/results"), Path("docs/images")
NUMBERS = PAGES / "paper.csv"
"""The paper's numbers: columns experiment,method,dataset,measure,value,source."""
CAPTIONS = Path("workflow/report")
SWEEP = "sweep_"
"""Beginning of the name of a sweep's target."""
MARK = "<!-- Made by python -m jointnn page: edit the text in readings/, not here. -->"
"""The first line of every page of the project, by which one that a person wrote is told."""
OWN_MARK = "<!-- Made by python -m jointnn page, anew at every call. -->"
FILES = {
    "table.tex": "the tables for a paper",
    "summary.csv": "all metrics over seeds: mean, standard deviation, number of seeds",
    "metrics.csv": "all metrics of every seed",
    "figures/groups.csv": "the groups of every round and seed",
    "figures/split_halves.csv": "how far apart datasets lie by layer, in units of chance, of every seed",
    "figures/trials.csv": "what trials of a scale reached on validation, of every seed",
}
"""Files in the folder of an experiment that a page names, and what they hold."""


@dataclass(frozen=True)
class Destination:
    """Destination of a page, which decides what stands on it.

    Attributes:
        ours: whether it is one of the project's documentation.
    """

    ours: bool

    @property
    def mark(self) -> str:
        """Return the first line of the pages of this place."""
        return MARK if self.ours else OWN_MARK

    def page(self, name: str) -> Path:
        """Return the file of the page of an experiment or a sweep."""
        return (PAGES if self.ours else Path("results")) / f"{name}.md"

    def image(self, drawn: Path, name: str) -> str:
        """Return the page's link to a figure. The project's pages link to a copy, made in docs/images/."""
        if not self.ours:
            return PurePosixPath(drawn).relative_to("results").as_posix()
        copy = IMAGES / f"{name}.svg"
        write_atomically(copy, read_bytes(drawn))
        return f"../images/{copy.name}"


def page_of(params: Params, name: str, place: Destination) -> str:
    """Return the text of an experiment's page."""
    experiment, folder = params.experiments[name], Path("results", name)
    points, numbers = Path("search", name, "grid.csv"), read_table(folder / "summary.csv")
    paper = read_table(NUMBERS) if NUMBERS.exists() else numbers.iloc[:0]
    table = read_table(points) if points.exists() else None
    drawn, missing = figures(name, experiment.figures, place)
    told = read_measures(name, experiment.seeds)
    found = folder / "figures" / "groups.csv"
    return rendered(
        "experiment.md" if place.ours else "own.md",
        name,
        place,
        experiment=experiment,
        ratios=sections.ratios(name, experiment) if paths.SPLIT_HALVES in experiment.figures else "",
        trials=by_scale(read_trials(name), experiment.methods),
        groups=sections.groups(read_table(found), experiment.groups_round) if found.exists() else "",
        counts=sections.counts(experiment, params.datasets),
        files=[(f"{name}/{file}", holds) for file, holds in FILES.items() if (folder / file).exists()],
        tables=sections.results(_text(folder / "table.md")),
        rule=rule(params, name),
        **sections.beside_the_paper(paper[paper.experiment == name], numbers, told),
        **sections.selected(experiment, table, told),
        data=sections.data(experiment, params.datasets),
        left_out=notes_on_data(name, experiment.datasets, experiment.task).left_out,
        cost=sections.cost(times(name, experiment.seeds), experiment.methods),
        figures=drawn,
        missing=missing,
    )


def page_of_sweep(params: Params, sweep: str, place: Destination) -> str:
    """Return the text of a sweep's page."""
    name, folder, numbers = SWEEP + sweep, Path(paths.sweep(sweep)), params.sweeps[sweep].experiments
    ordered = sorted(numbers, key=numbers.__getitem__)
    return rendered(
        "sweep.md",
        name,
        place,
        experiments=[f"`{one}`" for one in numbers],
        selected=sections.settings_of_sweep(
            {f"{numbers[one]:.10g}": params.experiments[one] for one in ordered}
        ),
        tables=sections.results(_text(folder / "table.md")),
        figure=figure(folder / "curve.svg", f"{name}_curve", caption("sweep"), place),
    )


def rendered(template: str, name: str, place: Destination, **values: Any) -> str:
    """Return a template with its values, and on a page of the project with a person's text."""
    what, reading = read_reading(name) if place.ours else ("", "")
    option = " --docs" if place.ours else ""
    return filled(
        template,
        mark=place.mark, name=name, ours=place.ours, option=option, what=what, reading=reading, **values,
    )  # fmt: skip


def filled(template: str, **values: Any) -> str:
    """Return a template with its values."""
    environment = Environment(
        loader=PackageLoader("jointnn.reporting.pages"),
        autoescape=False,  # it is Markdown
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "capitalised": capitalised,
        "grid": markdown_grid,
        "in_words": in_words,
        "listed": listed,
        "paragraph": lambda text: " ".join(text.split()) + "\n",
        "printed": printed,
    }
    return environment.get_template(template).render(**values).rstrip("\n") + "\n"


def read_reading(name: str) -> tuple[str, str]:
    """Return a person's text on an experiment: what it is, and its reading.

    Where one is missing, a sentence says so.
    """
    path = PAGES / "readings" / f"{name}.md"
    missing = f"Not written yet: {path.as_posix()} has no "
    text = _text(path) if path.exists() else ""
    what, *reading = re.split(r"^## Reading[ \t]*\n", text, maxsplit=1, flags=re.MULTILINE)
    said = "".join(reading).strip()
    return what.strip() or f"{missing}text.", said or f'{missing}section "Reading".'


def figures(name: str, wanted: Sequence[str], place: Destination) -> tuple[list[str], list[str]]:
    """Return the Markdown of the figures with their captions, and the names of those not drawn."""
    blocks, missing = [], []
    for one in wanted:
        drawn = Path(paths.figure(name, one))
        if drawn.exists():
            blocks.append(figure(drawn, f"{name}_{short(one)}", caption(short(one)), place))
        else:
            missing.append(f"`{one}`")
    return blocks, missing


def figure(drawn: Path, name: str, said: str, place: Destination) -> str:
    """Return the Markdown of a figure and its caption.

    Args:
        name: of its copy, on a page that has copies.
    """
    link = place.image(drawn, name)
    short = re.match(r"(Figure \d\. )?[^.:(]*", said.replace("`", ""))
    return f"![{short[0].strip() if short else name}]({link})\n\n{said}"


def caption(figure: str) -> str:
    """Return the caption of a figure in the report, as Markdown, or its name if it has none."""
    path = CAPTIONS / f"{figure}.rst"
    text = _text(path) if path.exists() else f"``{figure}``"
    return " ".join(text.replace("``", "`").split())


def _text(path: Path) -> str:
    return read_bytes(path).decode("utf-8")
