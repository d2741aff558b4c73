"""Which way is better, how it is said, and what a measure needs: of the tables of several measures."""

from pathlib import Path

import pandas as pd
import pytest
from helpers.tables import cells, settings, write_metrics

from jointnn.io.files import write_table
from jointnn.stages import collect


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_metrics()


def test_where_one_is_ideal_the_nearest_to_it_is_bold(folder):
    for path in folder.glob("s*/metrics.csv"):
        rows = pd.read_csv(path).replace({"metric": {"accuracy": "nearest_ratio"}})
        far = rows.method.eq("isolated")  # 1.38, 1.40, 1.42 are farther from 1 than 0.80 to 0.82 are
        write_table(path, rows.assign(value=rows.value.where(~far, 2.1 - rows.value)))
    collect.run(settings(measures=["nearest_ratio"], methods=["isolated", "joint"], reference=[]))
    table = (folder / "table.md").read_text()
    assert "(nearer to 1 is better)" in table and "seeds with joint nearer to 1" in table
    assert cells(table, "joint")[0] == "**0.810 ± 0.010**"
    assert cells(table, "isolated")[0] == "1.380 ± 0.020"
    assert cells(table.split("Paired:")[1], "isolated")[1] == "3 of 3"


def test_what_small_datasets_do_not_have_is_said_and_not_compared(folder):
    for path in folder.glob("s*/metrics.csv"):
        rows = pd.read_csv(path).replace({"metric": {"accuracy": "recall"}})
        write_table(path, rows[(rows.metric != "recall") | (rows.dataset != "digits")])
    collect.run(settings(measures=["recall"]))
    table = (folder / "table.md").read_text()
    assert "Of datasets with at least 500 test images; X elsewhere." in table
    assert cells(table, "joint") == ["**81.0 ± 1.0**", "X", "X"]
    assert "Paired" not in table and "medskip" not in (folder / "table.tex").read_text()


def test_of_a_loss_the_lowest_is_bold_and_joint_counts_below(folder):
    collect.run(settings(measures=["loss"], methods=["isolated", "joint"], reference=[]))
    table = (folder / "table.md").read_text()
    assert cells(table, "isolated")[1] == "**1.2000 ± 0.2000**"
    assert cells(table, "joint")[1] == "1.5000 ± 0.1000"
    assert "seeds with joint below" in table
    assert cells(table.split("Paired:")[1], "isolated")[1] == "0 of 3"


def test_every_measure_has_its_table_below_one_title(folder):
    collect.run(settings(measures=["accuracy", "loss"]))
    table = (folder / "table.md").read_text()
    assert [line for line in table.splitlines() if line.startswith("#")] == [
        "# toy",
        "## Accuracy",
        "## Loss",
    ]
    first, second = table.split("## Loss")
    assert "Accuracy on the test split in per cent (higher is better)" in first
    assert second.lstrip().startswith("Loss on the test split in its own unit (lower is better), mean ±")
    assert cells(second, "joint")[2] == "1.5600 ± 0.0600"
    assert table.count("Selection:") == table.count("Data:") == 1 and "Selection:" in first
    latex = (folder / "table.tex").read_text()
    assert r"\label{tab:toy}" in latex and r"\label{tab:toy_loss}" in latex
    assert latex.count(r"\begin{table}") == 2


def test_an_error_is_named_in_words_and_the_lowest_is_bold(folder):
    for path in folder.glob("s*/metrics.csv"):
        rows = pd.read_csv(path)
        write_table(path, rows.replace({"metric": {"accuracy": "error"}}))
    collect.run(settings(measures=["error"], methods=["isolated", "joint"], reference=[]))
    table = (folder / "table.md").read_text()
    assert "Squared error over the image on the test split in thousandths (lower is better)" in table
    assert "##" not in table
    assert cells(table, "isolated")[1] == "**600.00 ± 100.00**"
    assert "of each method, in thousandths, seed by seed" in table
