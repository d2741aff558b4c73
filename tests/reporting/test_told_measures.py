"""A task's description of its own measures, which tables, figures and sweeps follow."""

from pathlib import Path

import pytest
from helpers import figures as drawn
from helpers import sweep as swept
from helpers.tables import cells, settings, write_metrics

from jointnn.errors import UserError
from jointnn.io.files import read_table, write_json, write_table
from jointnn.reporting.figures import figure
from jointnn.reporting.figures.context import Context
from jointnn.stages import collect
from jointnn.tasks.measures import ACCURACY, HIGHEST, LOSS, LOWEST, Measure

FOUND = Measure("found", "share of stars found", unit="stars of 10", best=HIGHEST, factor=10, decimals=2)
MISSED = Measure("missed", "stars missed", unit="of 1000", best=LOWEST, factor=1000, decimals=0)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def tell(experiment: str, renamed: dict[str, str], *measures: Measure) -> None:
    """Rename metrics in what was measured of every seed, and write beside it what the task tells."""
    for path in Path("results", experiment).glob("s*/metrics.csv"):
        write_table(path, read_table(path).replace({"metric": renamed}))
        write_json(
            path.with_name("measures.json"), {measure.name: measure.as_json() for measure in measures}
        )


@pytest.mark.parametrize(
    ("measure", "said", "bold", "plain"),
    [
        (FOUND, "Share of stars found on the test split in stars of 10 (higher is", "joint", "isolated"),
        (MISSED, "Stars missed on the test split in of 1000 (lower is better)", "isolated", "joint"),
    ],
    ids=["found", "missed"],
)
def test_a_table_prints_and_compares_as_the_task_says(measure, said, bold, plain):
    folder = write_metrics()
    tell("toy", {"accuracy": measure.name}, measure, LOSS)
    collect.run(settings(measures=[measure.name], methods=["isolated", "joint"], reference=[]))
    table = (folder / "table.md").read_text()
    assert said in table
    assert cells(table, bold)[0].startswith("**") and not cells(table, plain)[0].startswith("**")
    mean, spread = {"joint": (0.81, 0.01), "isolated": (0.72, 0.02)}[bold]
    assert cells(table, bold)[0] == f"**{measure.number(mean)} ± {measure.number(spread)}**"


def test_a_measure_that_the_task_does_not_give_is_refused_with_those_that_it_gives():
    write_metrics()
    tell("toy", {"accuracy": FOUND.name}, FOUND, LOSS)
    with pytest.raises(UserError, match=r"no 'accuracy' on the test split, only found, loss\."):
        collect.run(settings(measures=["found", "accuracy"]))


def test_a_heading_is_the_measure_in_words():
    folder = write_metrics()
    tell("toy", {"accuracy": "hole_error"})
    collect.run(settings(measures=["hole_error", "loss"]))
    headings = [line for line in (folder / "table.md").read_text().splitlines() if line.startswith("## ")]
    assert headings == ["## Squared error in the hole", "## Loss"]


@pytest.mark.slow
@pytest.mark.parametrize("logarithmic", [True, False])
def test_a_figure_has_the_scale_the_unit_and_the_panels_that_the_task_says(logarithmic):
    drawn.build()
    missed = Measure(MISSED.name, MISSED.words, unit="of 1000", factor=1000, logarithmic=logarithmic)
    tell("toy", {"error": "missed", "accuracy": "found"}, FOUND, missed)
    for path in Path("runs/toy").rglob("test_history.csv"):
        write_table(path, read_table(path).replace({"metric": {"error": "missed", "accuracy": "found"}}))
    context = Context.of(drawn.settings(measures=["found", "missed"]))
    (axes,) = figure["figure_5_errors"](context).axes  # more of what is found is better: no error
    assert axes.get_yscale() == ("log" if logarithmic else "linear")
    assert " ".join(axes.get_ylabel().split()) == "test stars missed (of 1000)"
    first = axes.lines[0].get_ydata()[0]
    assert first == pytest.approx(70 * 0.89, rel=0.02)  # as many thousandths
    better = figure["differences"](context).get_supxlabel()
    assert "share of stars found" in better and "better: right" in better


@pytest.mark.slow
def test_a_sweep_compares_as_the_tasks_of_its_experiments_say():
    swept.evaluate()
    lower = Measure("accuracy", "stars missed", unit="stars of 10", best=LOWEST, factor=10, decimals=2)
    for name in swept.VALUES:
        tell(name, {}, lower)
    table = swept.run()
    assert "Stars missed on the test split in stars of 10 (lower is better)" in table
    assert swept.cells(table, "isolated")[0] == "**1.00 ± 0.00**"
    published = table.split("reported elsewhere, not measured here")[1]
    assert published.index("Ann") < published.index("Bob"), "the best first"


def test_results_of_before_tasks_told_their_measures_are_printed_as_they_were():
    folder = write_metrics()
    collect.run(settings(measures=["accuracy", "loss"]))
    before = (folder / "table.md").read_text()
    tell("toy", {}, ACCURACY, LOSS)
    collect.run(settings(measures=["accuracy", "loss"]))
    assert (folder / "table.md").read_text() == before
