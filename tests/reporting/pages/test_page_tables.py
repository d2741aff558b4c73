"""Tables of results, written by `table_markdown` and read back."""

import pytest
from helpers.params import PROJECT

from jointnn.reporting.pages.page_tables import Cell, Difference, tables_of
from jointnn.reporting.tables import AVERAGE, Results, table_markdown
from jointnn.tasks.measures import Measure

ERROR = Measure("error", "squared error", "thousandths", factor=1000, decimals=2, relative=True)
VALUES = {
    ("isolated", "first"): {0: 0.030, 1: 0.034, 2: 0.032},
    ("isolated", "second"): {0: 0.010, 1: 0.012, 2: 0.011},
    ("isolated", AVERAGE): {0: 0.020, 1: 0.023, 2: 0.0215},
    ("finetune", "first"): {0: 0.020, 2: 0.022},
    ("finetune", "second"): {0: 0.010, 1: 0.012, 2: 0.011},
    ("joint", "first"): {0: 0.020, 1: 0.022, 2: 0.021},
    ("joint", "second"): {0: 0.012, 1: 0.012, 2: 0.012},
    ("joint", AVERAGE): {0: 0.016, 1: 0.017, 2: 0.0165},
    ("oracle", AVERAGE): {0: 0.012, 1: 0.013, 2: 0.0125},
}


def page() -> str:
    results = Results(
        "toy", ERROR, ["isolated", "finetune", "joint"], ["first", "second"], [0, 1, 2], VALUES,
        reference=["oracle"], corners={"joint": "l2reg"},
    )  # fmt: skip
    return "# Results on `toy`\n\n| other | table |\n| --- | --- |\n| a | b |\n\n" + table_markdown(
        [results]
    )


def test_what_is_written_is_read_back():
    (table,) = tables_of(page())
    assert (table.measure, table.unit, table.better, table.seeds) == (
        "Squared error", "thousandths", "lower", 3,
    )  # fmt: skip
    assert table.datasets == ["first", "second"]
    assert table.cells["isolated", "first"] == Cell(32, 2, 3, 2)
    assert table.cells["finetune", "first"] == Cell(21, 1.41, 2, 2)  # the footnote: over 2 of 3 seeds
    assert table.cells["finetune", "second"].seeds == 3
    assert ("finetune", AVERAGE) not in table.cells  # X
    assert table.cells["oracle", AVERAGE].mean == 12.5  # below the rule
    assert table.corners == {"joint": "l2reg"}  # the row is called joint (= l2reg)


def test_differences_are_paired_where_the_page_pairs_them():
    (table,) = tables_of(page())
    found = table.difference("joint", "isolated", AVERAGE)
    assert found == Difference(-5, 1, pytest.approx(1 / 3**0.5), 2, 3, 2)
    assert table.difference("isolated", "joint", AVERAGE).mean == 5
    assert table.difference("joint", "isolated", "second") == Difference(
        1, 1, pytest.approx(1 / 3**0.5), 2, 3, 2
    )


def test_other_differences_are_of_independent_samples():
    (table,) = tables_of(page())
    found = table.difference("isolated", "oracle", AVERAGE)
    assert found.mean == pytest.approx(9)
    assert found.error == pytest.approx(((1.5**2 + 0.5**2) / 3) ** 0.5)
    assert 2 < found.freedom < 4  # Welch
    assert table.difference("finetune", "oracle", AVERAGE) is None


def test_without_the_table_of_each_dataset_they_are_too():
    before = page().partition("Each dataset by itself")[0]
    (table,) = tables_of(before)
    found = table.difference("joint", "isolated", "first")
    assert found.mean == -11 and found.deviation == pytest.approx(5**0.5)


@pytest.mark.parametrize("name", ["digits", "completion_small", "fine_grained_scratch", "walking_small"])
def test_pages_of_ours_are_read(name):
    tables = tables_of((PROJECT / f"docs/results/{name}.md").read_text(encoding="utf-8"))
    assert tables[0].difference("joint", "isolated", AVERAGE).seeds >= 3
