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


def test_differences_of_an_error_are_told_in_per_cent_and_for_both_papers(tmp_path, monkeypatch):
    to_jae, to_joint = errors_of_two_papers(tmp_path, monkeypatch).split("Paired:")[1:]
    # −1 of 2 and −1 of 2.1: in thousandths, and in per cent
    assert cells(to_jae, "pair") == ["−1000.00 ± 0.00", "−48.8 ± 1.7", "2 of 2"]
    assert cells(to_joint, "jae") == ["+3000.00 ± 0.00", "+286.4 ± 19.3", "0 of 2"]
    assert "in per cent of it" in to_jae
