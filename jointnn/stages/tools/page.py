"""page: the results page of an experiment or sweep, docs/results/<its name>.md, from files that are there.

It trains and draws nothing. A person writes docs/results/readings/<its name>.md: first what the
experiment is, then, under `## Reading`, an honest reading; both are inserted whole.
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.io.files import read_bytes, read_table, write_atomically
from jointnn.jobs.outdated import stale, stale_sweep
from jointnn.parameters.load import read_params
from jointnn.parameters.schema import ExperimentParams, Params
from jointnn.parameters.search import rule
from jointnn.registry import nearest, short
from jointnn.reporting.measures import read_measures
from jointnn.reporting.pages import sections
from jointnn.reporting.tables import times
from jointnn.reporting.words import listed

PAGES, IMAGES = Path("docs/results"), Path("docs/images")
NUMBERS = PAGES / "paper.csv"
"""The paper's numbers: columns experiment,method,dataset,measure,value,source."""
CAPTIONS = Path("workflow/report")
SWEEP = "sweep_"
"""What the target of a sweep begins with."""
MARK = "<!-- Made by python -m jointnn page: edit the text in readings/, not here. -->"
"""The first line of every page, by which one that a person wrote is told."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line: python -m jointnn page EXPERIMENT [EXPERIMENT or sweep_NAME ...]"""
    parser.description = (
        "Write docs/results/EXPERIMENT.md and the figures it shows, docs/images/EXPERIMENT_*.svg, from the "
        "results of an experiment that was run, or of a sweep: sweep_NAME. What a person has to say of it "
        "is taken from docs/results/readings/EXPERIMENT.md."
    )
    parser.add_argument("names", metavar="EXPERIMENT", nargs="+")


def main(arguments: argparse.Namespace) -> None:
    """Write the pages; nothing is written if one of the experiments was not run.

    Raises:
        UserError: an experiment is not known, was not run, or was run with other settings.
    """
    params = read_params()
    for name in arguments.names:
        check(params, name)
    for name in arguments.names:
        page = PAGES / f"{name}.md"
        is_sweep = name not in params.experiments
        text = page_of_sweep(params, name.removeprefix(SWEEP)) if is_sweep else page_of(params, name)
        write_atomically(page, text.encode())
        sys.stdout.write(f"{page}\n")


def check(params: Params, name: str) -> None:
    """Refuse a page that would not tell the truth.

    Raises:
        UserError: the experiment is not known, was not run, or was run with other settings; or its page was
            written by hand.
    """
    folders = {SWEEP + sweep: Path(paths.sweep(sweep)) for sweep in params.sweeps}
    folders |= {experiment: Path("results", experiment) for experiment in params.experiments}
    if name not in folders:
        raise UserError(f"No experiment is named {name!r}{nearest(name, folders)}")
    record = folders[name] / "settings.json"
    if not record.exists():
        raise UserError(f"{name!r} was not run: {record} is missing. Run it: snakemake {name}")
    page = PAGES / f"{name}.md"
    if page.exists() and not _text(page).startswith(MARK):
        raise UserError(
            f"{page} was not made by this tool, so it is not overwritten. Move what it says to "
            f"{PAGES / 'readings' / page.name} and delete it."
        )
    is_sweep = name not in params.experiments
    if differences := stale_sweep(params, name.removeprefix(SWEEP)) if is_sweep else stale(params, name):
        raise UserError(
            f"The results of {name!r} were made with other settings than params.yaml has now: "
            f"{', '.join(differences)}. Run it again: snakemake {name}"
        )


def page_of(params: Params, name: str) -> str:
    """The text of the page; its figures are copied to docs/images/."""
    experiment, folder = params.experiments[name], Path("results", name)
    what, reading = read_reading(name)
    grid = Path("search", name, "grid.csv")
    paper = read_table(NUMBERS) if NUMBERS.exists() else None
    numbers = read_table(folder / "summary.csv")
    told = read_measures(name, experiment.seeds)
    parts = {
        f"# Results on `{name}`": f"{what}\n\n{_made(name, experiment)}",
        "## Results": sections.results(_text(folder / "table.md")),
        "## Reading": reading,
        "## Beside the paper": sections.beside_the_paper(
            numbers.iloc[:0] if paper is None else paper[paper.experiment == name],
            numbers,
            experiment.task,
            told,
        ),
        "## What was selected": sections.selected(
            experiment, rule(params.experiments, name), read_table(grid) if grid.exists() else None, told
        ),
        "## Data": sections.data(experiment, params.datasets),
        "## Cost": sections.cost(times(name, experiment.seeds), experiment.methods),
        "## Figures": figures(name, experiment.figures),
    }
    return _text_of(parts)


def page_of_sweep(params: Params, sweep: str) -> str:
    """The text of the page of a sweep; its curve is copied to docs/images/."""
    name, folder, chosen = SWEEP + sweep, Path(paths.sweep(sweep)), params.sweeps[sweep]
    what, reading = read_reading(name)
    made = (
        f"Made by `snakemake {name}` and `python -m jointnn page {name}` from the experiments "
        f"{listed([f'`{one}`' for one in chosen.experiments])} of [params.yaml](../../params.yaml)."
    )
    parts = {
        f"# Results of `{name}`": f"{what}\n\n{made}",
        "## Results": sections.results(_text(folder / "table.md")),
        "## Reading": reading,
        "## Figure": figure(folder / "curve.svg", f"{name}_curve", caption("sweep")),
    }
    return _text_of(parts)


def _text_of(parts: Mapping[str, str]) -> str:
    """The text of a page, from its parts by their titles."""
    return "\n\n".join([MARK, *(f"{title}\n\n{text}" for title, text in parts.items())]) + "\n"


def _made(name: str, experiment: ExperimentParams) -> str:
    seeds = ", ".join(map(str, experiment.seeds))
    many = "s" * (len(experiment.seeds) > 1)
    return (
        f"{sections.problem(experiment)} Made by `snakemake {name}` and `python -m jointnn page {name}`, "
        f"with seed{many} {seeds}. Every setting is in [params.yaml](../../params.yaml)."
    )


def read_reading(name: str) -> tuple[str, str]:
    """What a person wrote: what the experiment is, and its reading. Where nothing was, a sentence."""
    path = PAGES / "readings" / f"{name}.md"
    missing = f"Not written yet: {path.as_posix()} has no "
    text = _text(path) if path.exists() else ""
    what, *reading = re.split(r"^## Reading[ \t]*\n", text, maxsplit=1, flags=re.MULTILINE)
    said = "".join(reading).strip()
    return what.strip() or f"{missing}text.", said or f'{missing}section "Reading".'


def figures(name: str, wanted: Sequence[str]) -> str:
    """The figures with their captions, each copied beside the page; those not drawn are named."""
    blocks, missing = [], []
    for one in wanted:
        drawn = Path(paths.figure(name, one))
        if not drawn.exists():
            missing.append(f"`{one}`")
            continue
        blocks.append(figure(drawn, f"{name}_{short(one)}", caption(short(one))))
    if missing:
        blocks.append(f"Not drawn: {', '.join(missing)}.")
    return "\n\n".join(blocks) or "This experiment draws none."


def figure(drawn: Path, name: str, said: str) -> str:
    """A figure and what is said of it; the file is copied to docs/images/ under its name there."""
    copy = IMAGES / f"{name}.svg"
    write_atomically(copy, read_bytes(drawn))
    short = re.match(r"(Figure \d\. )?[^.:(]*", said.replace("`", ""))
    return f"![{short[0].strip() if short else name}](../images/{copy.name})\n\n{said}"


def caption(figure: str) -> str:
    """The caption of a figure in the report, as Markdown; its name if it has none."""
    path = CAPTIONS / f"{figure}.rst"
    text = _text(path) if path.exists() else f"``{figure}``"
    return " ".join(text.replace("``", "`").split())


def _text(path: Path) -> str:
    return read_bytes(path).decode("utf-8")
