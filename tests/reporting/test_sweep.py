"""Sweeps: several experiments that differ in one number, from their metrics to one table and one figure."""

import math
import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.figures import texts
from helpers.jobs import altered
from helpers.sweep import CHOSEN, FOLDER, NAME, VALUES, cells, evaluate, job_of, params, run
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from jointnn.errors import UserError
from jointnn.jobs.graph import Jobs
from jointnn.reporting.figures.style import look, style
from jointnn.reporting.figures.sweeps import apart, sweep_curve
from jointnn.reporting.tables.results import AVERAGE, Results
from jointnn.reporting.tables.sweeps import SweepResults, read_sweep, sweep_markdown
from jointnn.stages import sweep
from jointnn.tasks.measures import ACCURACY, HIGHEST, Measure


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
def test_methods_by_rising_numbers_with_the_best_of_each_in_bold_as_it_is_printed():
    evaluate()
    table = run()
    assert table.startswith(f"# {NAME}\n\nDataset: second. Columns: training images of each dataset. ")
    assert cells(table, "method") == ["0", "9.5", "40"]
    assert cells(table, "isolated") == ["10.0 ± 0.0", "**72.0 ± 0.0**", "**91.0 ± 1.4**"]
    assert cells(table, "joint") == ["**51.0 ± 1.4**", "**72.0 ± 1.4**", "80.0<sup>a</sup>"]
    assert "<sup>a</sup> over 1 of 2 seeds; no result for seed 1." in table


def paired(table: str, method: str) -> list[str]:
    """The cells of a method among the paired differences of `joint`."""
    return cells(table.split("Paired: `joint` minus each method")[1], method)


@pytest.mark.slow
def test_each_method_is_compared_at_each_number_seed_by_seed_and_where_joint_is_behind_is_said():
    # At 0 joint is behind by more than the error (0.7), less than the deviation; at 9.5 by less than both.
    values = {
        "fewest": {"isolated": [0.502, 0.616], "joint": [0.50, 0.60], "oracle": [0.95, 0.95]},
        "heir": {"isolated": [0.70, 0.74], "joint": [0.69, 0.744], "oracle": [0.95, 0.95]},
        "toy": {"isolated": [0.70, 0.72], "joint": [0.80, 0.72], "oracle": [0.95, 0.97]},
    }
    evaluate(values)
    table = run()
    assert paired(table, "joint − method") == ["0", "9.5", "40"]
    assert paired(table, "isolated") == ["−0.9 ± 1.0", "−0.3 ± 1.0", "+5.0 ± 7.1"]
    assert paired(table, "oracle") == ["−40.0 ± 7.1", "−23.3 ± 3.8", "−20.0 ± 7.1"]
    assert "in points, seed by seed, mean ± standard deviation. By more than" in table
    assert "`joint` is behind isolated at 0.\n" in table
    values["fewest"]["isolated"] = [0.50, 0.60]
    evaluate(values)
    assert "`joint` is behind no competitor.\n" in run()


@pytest.mark.parametrize(
    ("measure", "there"),
    [
        (Measure("error"), True),
        (Measure("accuracy", best=HIGHEST), False),
        (Measure("ratio", best=1), False),
    ],
)
def test_behind_follows_the_direction_of_the_measure(measure, there):
    values = {("joint", "0"): {0: 1.1, 1: 1.2}, ("isolated", "0"): {0: 0.8, 1: 0.7}}
    results = SweepResults(NAME, measure, ["isolated", "joint"], ["0"], [0, 1], values)
    assert results.behind("joint", "isolated", "0") is there
    assert results.behind("isolated", "joint", "0") is not there


@pytest.mark.slow
def test_a_row_that_is_another_method_at_every_number_says_so_and_is_no_winner_by_a_tie_with_it():
    same = {name: {**of, "joint": of["isolated"]} for name, of in VALUES.items()}
    evaluate(same)
    sweep.run(altered(job_of(), corners={"joint": "isolated"}))
    table = (FOLDER / "table.md").read_text()
    assert cells(table, "isolated")[2] == "**91.0 ± 1.4**"
    assert cells(table, "joint (= isolated)")[2] == "91.0 ± 1.4"
    assert "joint (= isolated)" in (FOLDER / "curve.svg").read_text()


@pytest.mark.slow
def test_a_corner_of_all_experiments_is_one_of_the_sweep():
    assert Jobs(params()).sweep(NAME).corners == {}
    never_pulls = {"strength": {"half_life": math.inf}}
    assert Jobs(params(never_pulls)).sweep(NAME).corners == {"joint": "isolated"}


def of_mnist_and_usps(over: list[str]) -> SweepResults:
    """A sweep of two numbers: at 10 the source loses in every seed, which the average does not show."""
    accuracy, seeds, named = ACCURACY, [0, 1, 2], {"10": "few", "500": "many"}
    numbers = list(named)
    isolated = {"mnist": [0.96, 0.97, 0.96], "usps": [0.50, 0.52, 0.54]}
    joint = {
        "10": {"mnist": [0.93, 0.94, 0.94], "usps": [0.74, 0.76, 0.73]},
        "500": {"mnist": [0.96, 0.96, 0.97], "usps": [0.52, 0.51, 0.54]},
    }
    each = {}
    for number in numbers:
        values = {
            (method, dataset): dict(enumerate(of_seeds))
            for method, of in (("isolated", isolated), ("joint", joint[number]))
            for dataset, of_seeds in {**of, AVERAGE: np.mean(list(of.values()), axis=0).tolist()}.items()
        }
        each[number] = Results(
            named[number], accuracy, ["isolated", "joint"], ["mnist", "usps"], seeds, values
        )
    values = {
        (method, number): each[number].cell(method, AVERAGE)
        for number in numbers
        for method in ("isolated", "joint")
    }
    return SweepResults(NAME, accuracy, ["isolated", "joint"], numbers, seeds, values, over=over, each=each)


HARMED = (
    "`joint` minus `isolated`, seed by seed. Joining harms mnist at 10 beyond noise (paired t-test "
    "over seeds, one-sided, 5 %)."
)


def test_whom_joining_harms_is_said_dataset_by_dataset_at_each_number():
    _, said = sweep_markdown(of_mnist_and_usps(["mnist", "usps"])).split("Each dataset by itself: ")
    assert said.startswith(f"{HARMED}\n")
    assert cells(said, "joint − isolated") == ["10", "500"]
    assert cells(said, "mnist") == ["−2.7 ± 0.6", "+0.0 ± 1.0"]
    assert cells(said, "usps") == ["+22.3 ± 2.9", "+0.3 ± 1.5"]


def test_whom_joining_harms_is_said_also_where_datasets_are_others_at_each_number():
    _, said = sweep_markdown(of_mnist_and_usps([])).split("Each dataset by itself: ")
    assert said == f"{HARMED} By how much: results/few/table.md and results/many/table.md.\n"


@pytest.mark.slow
def test_of_a_pair_that_lacks_seeds_nothing_is_said():
    evaluate()
    table = run()
    assert paired(table, "isolated")[2] == "−10.0"
    assert (
        "`joint` is behind no competitor. Nothing is said of isolated at 40: fewer than two seeds" in table
    )
    evaluate({name: {**of, "joint": of["joint"][:1]} for name, of in VALUES.items()})
    assert "standard error" not in run()


@pytest.mark.slow
def test_a_reference_and_figures_reported_elsewhere_are_no_competitors():
    evaluate()
    table = run()
    assert cells(table, "oracle") == ["95.0 ± 0.0", "95.0 ± 0.0", "96.0 ± 1.4"]
    assert table.index("| joint ") < table.index("───") < table.index("| oracle ")
    body, published = table.split("reported elsewhere, not measured here")
    assert "Bob" not in body
    assert cells(published, "Bob et al. (2016), no labels of the target") == ["88.4"]
    assert published.index("Bob") < published.index("Ann")  # the best first
    assert r"| Ann (2001), 1 \| 2 " in published
    assert "elsewhere" not in run(yardsticks={})


@pytest.mark.slow
def test_the_header_says_seeds_and_how_was_selected():
    evaluate()
    assert (
        "Accuracy on the test split in per cent (higher is better), mean ± standard deviation over 2 seeds "
        "(0, 1). Selection: hyper-parameters chosen in toy on the validation split of seed 1000, which"
    ) in run()
    job = job_of()
    sweep.run(altered(job, selections={**job.selections, "toy": "guessed"}))
    table = (FOLDER / "table.md").read_text()
    assert "Selection: at 0 and 9.5: hyper-parameters chosen in toy on the validation split" in table
    assert "; at 40: guessed. The best of a column is bold" in table


@pytest.mark.slow
def test_the_summary_holds_what_was_measured_with_every_digit():
    evaluate()
    run()
    summary = pd.read_csv(FOLDER / "summary.csv")
    assert list(summary.columns) == ["number", "method", "mean", "std", "seeds"]
    assert summary.number.tolist() == [0, 0, 0, 9.5, 9.5, 9.5, 40, 40, 40]
    assert summary.method.tolist() == ["isolated", "joint", "oracle"] * 3
    rows = summary.set_index(["number", "method"])
    assert rows.loc[(0, "joint"), "mean"] == pytest.approx(0.51)
    assert rows.loc[(0, "joint"), "std"] == pytest.approx(0.02 / 2**0.5)
    assert rows.loc[(40, "joint"), "seeds"] == 1 and np.isnan(rows.loc[(40, "joint"), "std"])


@pytest.mark.slow
def test_the_average_over_datasets():
    evaluate()
    table = run(dataset="average")
    assert "Dataset: average over first, second and third." in table
    # As on a dial, where the data themselves differ from point to point.
    sweep.run(altered(job_of(dataset="average"), datasets=[]))
    table = Path(FOLDER, "table.md").read_text()
    assert "Dataset: average over all datasets of each experiment." in table
    assert cells(table, "joint")[0] == "**48.0 ± 1.4**"


@pytest.mark.slow
def test_a_method_without_results_is_a_cross_in_the_table_and_a_gap_in_its_line():
    evaluate({**VALUES, "heir": {name: VALUES["heir"][name] for name in ("isolated", "oracle")}})
    job = job_of()
    sweep.run(job)
    assert cells((FOLDER / "table.md").read_text(), "joint")[1] == "X"
    assert len(pd.read_csv(FOLDER / "summary.csv")) == 8
    drawing = sweep_curve(read_sweep(job.settings_alone()))
    assert np.isnan(heights(drawing, "joint")).tolist() == [False, True, False]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rows_experiments_and_yardsticks_makes_no_difference(seed):
    evaluate()
    run()
    names = ["summary.csv", "table.md", "curve.svg"]
    before = [(FOLDER / name).read_bytes() for name in names]
    generator = random.Random(seed)
    evaluate(shuffled=1 + seed)
    changes = {
        key: dict(generator.sample(sorted(CHOSEN[key].items()), len(CHOSEN[key])))
        for key in ("experiments", "yardsticks")
    }
    run(**changes)
    assert [(FOLDER / name).read_bytes() for name in names] == before


def heights(drawing, method: str) -> np.ndarray:
    """The values that are drawn of a method."""
    colour = look(method, []).color
    line = next(line for line in drawing.axes[0].lines if line.get_color() == colour)
    return np.asarray(line.get_ydata(), float)


@pytest.mark.slow
def test_the_curve_has_the_look_of_each_method_the_numbers_as_ticks_and_the_yardsticks_by_name():
    evaluate()
    with style():
        drawing = sweep_curve(read_sweep(job_of().settings_alone()))
    (axes,) = drawing.axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "9.5", "40"]
    assert np.diff(axes.get_xticks()).tolist() == [1, 1]
    assert axes.get_xlabel() == "training images of each dataset"
    assert axes.get_ylabel() == "test accuracy, second (%)"
    np.testing.assert_allclose(heights(drawing, "joint"), [51, 72, 80])
    dashed = [line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1]
    assert dashed == pytest.approx([88.4, 50])
    said = {" ".join(text.split()) for text in texts(drawing)}
    assert {"isolated", "joint", "oracle", *CHOSEN["yardsticks"]} <= said


@pytest.mark.slow
def test_no_text_of_the_curve_is_small_cut_off_or_taken_for_mathematics():
    evaluate()
    hard = {f"Author{k} et al. $x_$ 2016, a long name of what it is": 0.6 + k / 500 for k in range(6)}
    with style():
        drawing = sweep_curve(
            read_sweep(job_of(yardsticks=hard, along="labels, $y_$, " * 8).settings_alone())
        )
        FigureCanvasAgg(drawing).draw()
        written = [text for text in drawing.findobj(Text) if text.get_text() and text.get_visible()]
    assert min(text.get_fontsize() for text in written) >= 7
    drawn = drawing.get_tightbbox()
    assert drawn.x0 >= 0 and drawn.y0 >= 0
    assert (drawn.max <= drawing.get_size_inches()).all()
    names = [Text.get_window_extent(text) for text in written if text.get_text().startswith("Author")]
    assert len(names) == len(hard)
    for above, below in pairwise(names):
        assert above.y0 >= below.y1 - 1


@pytest.mark.parametrize("seed", range(20))
def test_texts_are_put_apart_in_their_order_and_those_that_are_stay(seed):
    generator = np.random.default_rng(seed)
    count = int(generator.integers(1, 8))
    heights, places = generator.uniform(0.02, 0.12, count), generator.uniform(0, 1, count)
    found = np.array(apart(places.tolist(), heights.tolist()))
    order = np.argsort(places)
    low, high = (found - heights / 2)[order], (found + heights / 2)[order]
    assert (low[1:] >= high[:-1] - 1e-9).all()
    assert low[0] >= -1e-9 and high[-1] <= 1 + 1e-9
    np.testing.assert_allclose(apart(found.tolist(), heights.tolist()), found, atol=1e-9)


@pytest.mark.slow
def test_an_experiment_that_was_not_run_or_lacks_the_measure_is_refused_by_its_file():
    evaluate()
    job = job_of()
    with pytest.raises(UserError, match=r"heir/metrics.csv has no 'recall' of 'second' on the test split"):
        sweep.run(altered(job, measure="recall", experiments={"heir": 1, "toy": 2}))
    Path("results/heir/metrics.csv").unlink()
    with pytest.raises(UserError, match=r"Run the job that makes it: snakemake results/heir/metrics.csv"):
        sweep.run(job)
    assert not FOLDER.exists()
