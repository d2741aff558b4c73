"""Differences of an error, seed by seed, from numbers computed by hand."""

from pathlib import Path

import pandas as pd
from helpers.tables import COLUMNS, cells, settings

from jointnn.io.files import write_table
from jointnn.stages import collect


def errors_of_two_papers(tmp_path, monkeypatch) -> str:
    """The table of an error, of two seeds and two datasets."""
    monkeypatch.chdir(tmp_path)
    for seed in (0, 1):
        rows = [
            ("toy", method, seed, dataset, "error", "test", value + 0.1 * seed)
            for method, value in (("pair", 2.0), ("jae", 1.0), ("joint", 4.0))
            for dataset in ("letters_a", "digits")
        ]
        write_table(f"results/toy/s{seed}/metrics.csv", pd.DataFrame(rows, columns=COLUMNS))
    methods = ["pair", "jae", "joint"]
    collect.run(settings(methods=methods, seeds=[0, 1], measures=["error"], reference=[]))
    return Path("results/toy/table.md").read_text()


ACCURACIES = {
    "isolated": {"letters_a": (0.70, 0.72, 0.74), "digits": (0.80, 0.81, 0.82)},
    "joint": {"letters_a": (0.80, 0.81, 0.85), "digits": (0.70, 0.72, 0.71)},
}


def table_of(tmp_path, monkeypatch, seeds=(0, 1, 2), values=ACCURACIES, **changes) -> str:
    """The table of accuracies of two methods on two datasets, joining of which harms the second."""
    monkeypatch.chdir(tmp_path)
    for seed in seeds:
        rows = [
            ("toy", method, seed, dataset, "accuracy", "test", found[seed])
            for method, of in values.items()
            for dataset, found in of.items()
        ]
        write_table(f"results/toy/s{seed}/metrics.csv", pd.DataFrame(rows, columns=COLUMNS))
    collect.run(settings(methods=list(values), seeds=list(seeds), reference=[], **changes))
    return Path("results/toy/table.md").read_text()


def test_each_dataset_is_compared_and_whom_joining_harms_is_named(tmp_path, monkeypatch):
    said = table_of(tmp_path, monkeypatch).split("Each dataset by itself:")[1]
    assert cells(said, "letters_a") == ["+10.0 ± 1.0", "3 of 3"]
    assert cells(said, "digits") == ["−10.0 ± 1.0", "0 of 3"]
    assert "Joining harms digits beyond noise" in said


def test_two_seeds_name_nobody(tmp_path, monkeypatch):
    said = table_of(tmp_path, monkeypatch, seeds=(0, 1))
    assert "Fewer than 3 seeds do not tell whether joining harms one of them." in said


def test_without_harm_that_is_said(tmp_path, monkeypatch):
    values = {**ACCURACIES, "joint": {**ACCURACIES["joint"], "digits": (0.75, 0.83, 0.81)}}
    said = table_of(tmp_path, monkeypatch, values=values)
    assert "Joining harms none of them beyond noise" in said


def test_a_row_that_is_another_method_says_so_and_is_not_bold_beside_it(tmp_path, monkeypatch):
    values = {"isolated": ACCURACIES["isolated"], "joint": ACCURACIES["isolated"]}
    said = table_of(tmp_path, monkeypatch, values=values, corners={"joint": "isolated"})
    assert cells(said, "joint (= isolated)") == ["72.0 ± 2.0", "81.0 ± 1.0", "76.5 ± 1.5"]
    assert cells(said, "isolated")[0] == "**72.0 ± 2.0**"
    assert "Each dataset by itself" not in said


def test_differences_of_an_error_are_told_in_per_cent_and_for_both_papers(tmp_path, monkeypatch):
    to_jae, to_joint = errors_of_two_papers(tmp_path, monkeypatch).split("Paired:")[1:]
    # −1 of 2 and −1 of 2.1: in thousandths, and in per cent
    assert cells(to_jae, "pair") == ["−1000.00 ± 0.00", "−48.8 ± 1.7", "2 of 2"]
    assert cells(to_joint, "jae") == ["+3000.00 ± 0.00", "+286.4 ± 19.3", "0 of 2"]
    assert "in per cent of it" in to_jae
