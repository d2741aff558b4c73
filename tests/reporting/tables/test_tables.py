"""Stage `collect` on numbers computed by hand."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from helpers.tables import COLUMNS, cells, settings, write_metrics

from jointnn.io.files import write_json, write_table
from jointnn.reporting.tables import read_metrics
from jointnn.reporting.tables.latex import escape_latex
from jointnn.stages import collect


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_metrics()


def test_the_summary_holds_mean_deviation_and_count_in_the_order_asked_for(folder):
    collect.run(settings())
    summary = pd.read_csv(folder / "summary.csv")
    columns = ["experiment", "method", "dataset", "metric", "split", "mean", "std", "seeds"]
    assert list(summary.columns) == columns
    rows = summary[(summary.metric == "accuracy") & (summary.split == "test")]
    rows = rows.set_index(["method", "dataset"])
    assert list(rows.index[:3]) == [("isolated", name) for name in ("letters_a", "digits", "average")]
    assert rows.loc[("isolated", "digits"), "mean"] == pytest.approx(0.6)
    assert rows.loc[("isolated", "digits"), "std"] == pytest.approx(0.1)
    # average of seed 0, 1, 2: 0.60, 0.66, 0.72
    assert rows.loc[("isolated", "average"), "mean"] == pytest.approx(0.66)
    assert rows.loc[("isolated", "average"), "std"] == pytest.approx(0.06)
    assert rows.loc[("fedamp", "average"), "seeds"] == 2
    validation = summary[(summary.split == "validation") & (summary.method == "joint")]
    assert validation.set_index("dataset")["mean"]["digits"] == pytest.approx(0.375)


def test_metrics_have_one_row_per_seed_and_averages(folder):
    collect.run(settings())
    metrics = pd.read_csv(folder / "metrics.csv")
    assert list(metrics.columns) == COLUMNS
    test = metrics[(metrics.metric == "accuracy") & (metrics.split == "test")]
    assert len(test) == (4 * 3 + 2) * 3  # methods with seeds, datasets and average
    joint = test[(test.method == "joint") & (test.dataset == "average")]
    assert joint.value.tolist() == pytest.approx([0.75, 0.78, 0.81])


def test_the_table_in_per_cent_with_bold_footnotes_and_crosses(folder):
    collect.run(settings())
    table = (folder / "table.md").read_text()
    assert cells(table, "isolated") == ["72.0 ± 2.0", "60.0 ± 10.0", "66.0 ± 6.0"]
    assert cells(table, "l2reg") == ["72.0 ± 0.0", "**80.0 ± 0.0**", "76.0 ± 0.0"]
    assert cells(table, "joint") == ["**81.0 ± 1.0**", "75.0 ± 5.0", "**78.0 ± 3.0**"]
    assert cells(table, "finetune") == ["X", "X", "X"]
    # Best by its mean, but a mean over fewer seeds is not comparable and so is not bold.
    assert cells(table, "fedamp") == ["99.0 ± 0.0<sup>a</sup>"] * 3
    assert "<sup>a</sup> over 2 of 3 seeds; no result for seed 2." in table
    assert cells(table, "oracle") == ["95.0 ± 0.0"] * 3
    assert table.index("───") < table.index("| oracle ") and table.index("| joint ") < table.index("───")


def test_a_collapsed_network_is_named_below_the_table_and_not_hidden_in_a_mean(folder):
    path = folder / "s1" / "metrics.csv"
    rows = pd.read_csv(path)
    alarm = rows[(rows.method == "l2reg") & (rows.dataset == "digits")].iloc[:1]
    whole = pd.concat([rows, alarm.assign(metric="collapsed", split="test", value=1.0)])
    whole.to_csv(path, index=False)
    collect.run(settings())
    table = (folder / "table.md").read_text()
    assert cells(table, "l2reg")[1] == "**80.0 ± 0.0**<sup>a</sup>"
    assert "<sup>a</sup> the network of seed 1 raised an alarm: its log says which." in table


def test_a_run_that_diverged_is_named_where_its_dataset_has_values(folder):
    path = folder / "s1" / "metrics.csv"
    rows = pd.read_csv(path)
    is_l2reg = rows.method == "l2reg"
    flags = rows[is_l2reg & (rows.metric == "accuracy")].assign(metric="diverged", value=1.0)
    write_table(path, pd.concat([rows[~is_l2reg], flags]))
    for path in folder.glob("s*/metrics.csv"):  # a measure that digits has too few images for
        rows = pd.read_csv(path)
        write_table(path, rows[(rows.metric != "loss") | (rows.dataset != "digits")])
    collect.run(settings(measures=["accuracy", "loss"]))
    first, second = (folder / "table.md").read_text().split("## Loss")
    assert cells(first, "l2reg")[1] == "80.0 ± 0.0<sup>a</sup>"
    assert "<sup>a</sup> over 2 of 3 seeds; the run of seed 1 diverged: its log says where.\n" in first
    assert cells(second, "l2reg") == ["1.4400 ± 0.0003<sup>a</sup>", "X", "X"]


def test_a_negative_mean_has_a_minus_and_no_hyphen(folder):
    for path in folder.glob("s*/metrics.csv"):
        rows = pd.read_csv(path).replace({"metric": {"accuracy": "kernel_distance"}})
        write_table(path, rows.assign(value=-rows.value))
    collect.run(settings(measures=["kernel_distance"]))
    assert cells((folder / "table.md").read_text(), "joint")[0] == "**−810.0 ± 10.0**"
    assert r"$-$810.0 $\pm$ 10.0" in (folder / "table.tex").read_text()


def test_the_header_names_selection_seeds_and_sources(folder):
    collect.run(settings())
    table = (folder / "table.md").read_text()
    assert "mean ± standard deviation over 3 seeds (0, 1, 2)" in table
    assert "Selection: 12 points for every method, chosen on validation." in table
    assert "- digits: scikit-learn's file, 8 & 16 px" in table


def test_paired_differences_to_joint(folder):
    collect.run(settings())
    table = (folder / "table.md").read_text().split("Paired:")[1]
    # joint 75, 78, 81; isolated 60, 66, 72; l2reg 75.995, 76, 76.005
    assert cells(table, "isolated") == ["+12.0 ± 3.0", "3 of 3"]
    assert cells(table, "l2reg") == ["+2.0 ± 3.0", "2 of 3"]
    assert cells(table, "fedamp") == ["−22.5 ± 2.1", "0 of 2"]
    assert cells(table, "finetune") == ["X", "X"]
    assert not any(line.startswith("| joint ") for line in table.splitlines())


def test_equal_printed_means_are_both_bold(folder):
    collect.run(settings(methods=["isolated", "l2reg"], reference=[]))
    table = (folder / "table.md").read_text()
    assert cells(table, "isolated")[0] == "**72.0 ± 2.0**"
    assert cells(table, "l2reg")[0] == "**72.0 ± 0.0**"
    assert "Paired" not in table and "───" not in table


def test_the_letter_of_the_paper_is_printed_as_such_in_every_table(folder):
    for path in folder.glob("s*/metrics.csv"):
        rows = pd.read_csv(path)
        write_table(path, rows.replace({"method": {"l2reg": "joint_paper"}}))
    collect.run(settings(methods=["isolated", "joint_paper", "joint"], reference=[]))
    for name in ("table.md", "table.tex"):
        text = (folder / name).read_text()
        assert text.count("joint (paper)") == 3  # the sentence, the table, the paired table
        assert "joint_paper" not in text
    assert "joint (paper) is the method by the letter of the paper." in text
    assert set(pd.read_csv(folder / "summary.csv").method) == {"isolated", "joint_paper", "joint"}


def test_a_single_seed_has_no_deviation(folder):
    collect.run(settings(seeds=[1]))
    table = (folder / "table.md").read_text()
    assert cells(table, "isolated") == ["72.0", "60.0", "66.0"]
    assert "per cent (higher is better), 1 seed (1)." in table
    assert pd.read_csv(folder / "summary.csv")["std"].isna().all()


def test_no_average_where_a_dataset_is_missing(folder):
    path = folder / "s0" / "metrics.csv"
    table = pd.read_csv(path)
    write_table(path, table[(table.method != "joint") | (table.dataset != "digits")])
    metrics = read_metrics("toy", ["joint"], ["letters_a", "digits"], [0, 1])
    averages = metrics[(metrics.dataset == "average") & (metrics.split == "test")]
    assert set(averages.seed) == {1}


def test_latex_is_balanced_escaped_and_has_the_rules_of_booktabs(folder):
    collect.run(settings())
    text = (folder / "table.tex").read_text()
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 2
    assert r"letters\_a" in text and "letters_a" not in text.replace(r"letters\_a", "")
    assert r"8 \& 16 px" in text
    assert r"\textbf{81.0 $\pm$ 1.0}" in text
    assert r"99.0 $\pm$ 0.0\textsuperscript{a}" in text
    assert all(character not in text for character in "±−")
    body = text.split(r"\toprule")[1].split(r"\bottomrule")[0]
    assert body.count(r"\midrule") == 2  # under the head and over the reference
    rows = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert {row.count(" & ") for row in rows} == {3}


def test_every_special_character_of_latex_is_escaped():
    assert escape_latex(r"a_b 5% $x$ {~^}\ #&") == (
        r"a\_b 5\% \$x\$ \{\textasciitilde{}\textasciicircum{}\}\textbackslash{} \#\&"
    )


def test_equal_inputs_give_equal_bytes(folder):
    collect.run(settings())
    names = ["metrics.csv", "summary.csv", "table.md", "table.tex"]
    first = [(folder / name).read_bytes() for name in names]
    collect.run(settings())
    assert [(folder / name).read_bytes() for name in names] == first


@pytest.mark.slow
def test_collect_imports_no_torch():
    code = "import sys, jointnn.stages.collect; sys.exit('torch' in sys.modules)"
    root = Path(collect.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_the_header_says_which_images_the_networks_have_probably_seen(folder):
    collect.run(settings(seen=["digits"]))
    assert "from which digits are taken: they have probably seen" in (folder / "table.md").read_text()
    assert "from which digits are taken" in (folder / "table.tex").read_text()
    collect.run(settings())
    assert "ImageNet" not in (folder / "table.md").read_text()


def manifest(name: str, **of) -> None:
    write_json(f"data/raw/{name}/manifest.json", of)


def test_what_was_left_out_and_what_to_know_of_images_stands_with_the_tables(folder):
    left_out = [{"kind": ".heic", "reason": "read where ...", "count": 2, "first": "a.heic"}]
    manifest("digits", left_out=left_out, remarks={"in training and test": "Twice."})
    manifest("letters_a", remarks={"rare classes": "Classes with one image.", "different labels": "Both."})
    collect.run(settings())
    table = (folder / "table.md").read_text()
    assert "\n- digits: scikit-learn's file, 8 & 16 px; left out: 2 .heic (read where ...)\n" in table
    remarks = "\n- letters_a: Both. Classes with one image.\n- digits: Twice.\n"
    assert f"\n\nTo know before a score is believed:\n{remarks}" in table
    assert table.index(remarks) < table.index("\nData:\n")  # what cuts the table at its data keeps them
    latex = (folder / "table.tex").read_text()
    assert "left out: 2 .heic" in latex and "\nletters\\_a: Both. Classes with one image.\n" in latex


def test_one_class_is_a_remark_where_classes_are_learned(folder):
    manifest("digits", remarks={"one class": "All are one."})
    collect.run(settings())
    assert "- digits: All are one." in (folder / "table.md").read_text()
    collect.run(settings(task="generation"))
    assert "All are one." not in (folder / "table.md").read_text()


def test_without_the_images_the_inventory_tells_what_there_is_to_know(folder):
    write_json("data/inventories/toy.json", {"digits": {"remarks": {"different labels": "Two labels."}}})
    collect.run(settings())
    assert "- digits: Two labels." in (folder / "table.md").read_text()
    manifest("digits", classes=["a", "b"])
    collect.run(settings())
    assert "Two labels." not in (folder / "table.md").read_text()
