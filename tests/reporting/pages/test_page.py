"""The tool `page`: an experiment's results page from small real files."""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.pages import EDITS, SVG, run_toy
from helpers.params import PROJECT, edited, read, write

from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.io.files import write_atomically, write_json, write_table
from jointnn.jobs.graph import Jobs
from jointnn.reporting.pages.page import MARK, OWN_MARK
from jointnn.reporting.words import in_words
from jointnn.stages.tools import page

SECTIONS = ["Results", "Reading", "Beside the paper", "What was selected", "Data", "Cost", "Figures"]


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A project whose experiment `toy` was run with two seeds."""
    monkeypatch.chdir(tmp_path)
    run_toy()
    return tmp_path


def made(*names: str, own: bool = False) -> str:
    """Run the tool; the text of the first page, of the documentation or of a user's own."""
    parser = argparse.ArgumentParser()
    page.add_arguments(parser)
    names = names or ("toy",)
    page.main(parser.parse_args(names if own else ("--docs", *names)))
    return Path("results" if own else "docs/results", f"{names[0]}.md").read_text()


def section(text: str, name: str) -> str:
    after = text.split(f"\n## {name}\n", maxsplit=1)[1]
    return after.split("\n## ", maxsplit=1)[0].strip()


def write_grid() -> None:
    """Three points for each method on seed 1000; of isolated one diverged, the best on 1001 too."""
    rows = [
        ("isolated", 0, '{"learning_rate": 0.01}', 1000, 0.55, False),
        ("isolated", 1, '{"learning_rate": 0.1}', 1000, 0.61, True),
        ("isolated", 2, '{"learning_rate": 0.5}', 1000, np.nan, False),
        ("isolated", 1, '{"learning_rate": 0.1}', 1001, 0.63, True),
        ("joint", 0, '{"learning_rate": 0.01, "strength": {"half_life": 1}}', 1000, 0.8, True),
        ("joint", 1, '{"learning_rate": 0.1, "strength": {"half_life": 2}}', 1000, 0.7, False),
        ("joint", 2, '{"learning_rate": 0.5, "strength": {"half_life": 3}}', 1000, 0.75, False),
    ]  # fmt: skip
    columns = ["method", "point", "settings", "seed", "validation_accuracy", "chosen"]
    write_table("search/toy/grid.csv", pd.DataFrame(rows, columns=columns))


@pytest.mark.slow
def test_the_page_has_every_section_and_says_what_is_missing(project):
    text = made()
    first = "# Results on `toy`\n\nNot written yet: docs/results/readings/toy.md has no text."
    assert text.startswith(f"{MARK}\n\n{first}")
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == SECTIONS
    assert "Made by `snakemake toy` and `python -m jointnn page --docs toy`, with seeds 0, 1." in text
    assert "`small_conv` (width 4)" in text
    assert 'has no section "Reading".' in section(text, "Reading")
    assert "are of five full sets at 299 pixels" in section(text, "Beside the paper")


@pytest.mark.slow
def test_the_tables_are_those_of_the_experiment_with_the_paired_one(project):
    text = section(made(), "Results")
    table = Path("results/toy/table.md").read_text()
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert [line for line in text.splitlines() if line.startswith("|")] == rows
    assert "| joint (paper) |" in text and "joint − method" in text
    assert "# toy" not in text and "Data:" not in text


@pytest.mark.slow
def test_what_a_person_wrote_is_inserted_whole(project):
    reading = Path("docs/results/readings/toy.md")
    reading.parent.mkdir(parents=True)
    reading.write_text(
        "Three sets of digits.\n\nSmall ones.\n\n## Reading\n\nJoint is best.\n\n### But\n\nBarely.\n"
    )
    text = made()
    assert "# Results on `toy`\n\nThree sets of digits.\n\nSmall ones.\n\nTask " in text
    assert section(text, "Reading") == "Joint is best.\n\n### But\n\nBarely."


@pytest.mark.slow
def test_what_was_selected_stands_with_the_scores_of_the_grid(project):
    assert "was not searched here" in section(made(), "What was selected")
    write_grid()
    text = section(made(), "What was selected")
    assert "among 3 points for each method" in text
    cells = {line.split(" | ")[0].strip("| "): [c.strip(" |") for c in line.split(" | ")[1:]]
             for line in text.splitlines() if line.startswith("|")}  # fmt: skip
    spread = "55.0 to 61.0, median 58.0 (3 points, 1 diverged)"
    assert cells["isolated"] == ["learning rate 0.1", "61.0, 63.0", spread]
    assert cells["joint (paper)"] == ["preset `paper`", "–", "–"]
    assert cells["joint"][0] == "learning rate 0.01, half-life 2"
    # The grid chose half-life 1.
    assert "Trained with other settings than the search chose: joint." in text


@pytest.mark.slow
def test_the_papers_numbers_stand_beside_ours(project):
    columns = ["experiment", "method", "dataset", "measure", "value", "source"]
    rows = [
        ("toy", "joint", "first", "accuracy", "84.9", "Table 4"),
        ("other", "joint", "first", "accuracy", "1", "no"),
    ]
    write_table("docs/results/paper.csv", pd.DataFrame(rows, columns=columns))
    text = section(made(), "Beside the paper")
    assert "| joint  | first   | accuracy (per cent) | 84.9  | 71.0 ± 1.4 |" in text
    assert text.endswith("The paper's numbers were read in Table 4.")


@pytest.mark.slow
def test_cost_is_that_of_a_seed_and_joint_adds_up_its_parts(project):
    text = section(made(), "Cost")
    assert "| isolated      | 110 ± 14                | 501              |".replace(
        " ", ""
    ) in text.replace(" ", "")
    assert "|joint|220±28|501|" in text.replace(" ", "")


def test_cost_without_benchmark_files_says_so(project):
    for log in project.rglob("*.tsv"):
        log.unlink()
    assert "no times" in section(made(), "Cost")


@pytest.mark.slow
def test_figures_are_copied_with_their_captions_and_missing_ones_named(project):
    captions = project / "workflow" / "report"
    captions.mkdir(parents=True)
    captions.joinpath("weights.rst").write_text("The weights of ``joint``\nby round. A row each.\n")
    text = section(made(), "Figures")
    assert text.startswith(
        "![The weights of joint by round](../images/toy_weights.svg)\n\nThe weights of `joint` by"
    )
    assert Path("docs/images/toy_weights.svg").read_bytes() == SVG
    assert text.endswith("Not drawn: `differences`.")


@pytest.mark.slow
def test_a_page_of_ones_own_lies_beside_the_results_and_holds_nothing_of_the_project(project):
    reading = Path("docs/results/readings/toy.md")
    write_atomically(reading, b"Ours.\n\n## Reading\n\nOurs too.\n")
    text = made(own=True)
    assert text.startswith(f"{OWN_MARK}\n\n# Results on `toy`\n")
    for word in ("Ours", "arXiv", "the paper's numbers", "docs/", "../", "--docs"):
        assert word not in text
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert "toy/figures/weights.svg" in links and "toy/summary.csv" in links
    assert all(Path("results", link).exists() for link in links)
    assert {path.name for path in Path("docs/results").iterdir()} == {"readings"}


@pytest.mark.slow
def test_the_data_stand_as_in_the_tables_with_their_path_and_counts(project):
    counts = {"train": {"images": 70}, "test": {"images": 9}}
    entry = {"kind": ".txt", "reason": "not an ending of images", "count": 2, "first": "a.txt"}
    told = {"left_out": [entry]}
    write_json("data/raw/second/manifest.json", {"classes": ["a", "b"], "splits": counts, **told})
    rows = [line.split(" | ") for line in section(made(own=True), "Data").splitlines() if "|" in line]
    assert [row[0].strip("| ") for row in rows] == ["dataset", "-------", "first", "second", "third"]
    assert rows[3][1].strip().startswith("`optical_digits` (")
    validation = read(EDITS).experiments["toy"].validation_images
    train = read(EDITS).experiments["toy"].train_images or 70 - validation
    assert [cell.strip(" |") for cell in rows[3][2:]] == ["2", str(train), str(validation), "9"]
    assert [cell.strip(" |") for cell in rows[2][2:]][-1] == "–"
    assert "Left out of second: 2 .txt (not an ending of images)." in section(made(own=True), "Data")
    assert "); left out: 2 .txt (not an ending of images)\n" in section(made(), "Data")


@pytest.mark.slow
@pytest.mark.parametrize("told_apart", [True, False])
def test_the_page_names_groups_only_where_they_are_told_apart(project, told_apart):
    named = (
        "first second | third" if told_apart else "not told apart: one seed cannot tell groups from chance"
    )
    rows = [(0, 1, 0.3, None, named, None), (0, 2, 0.4, None, named, "joint released its networks")]
    columns = ["seed", "round", "separation", "adjusted_rand_index", "groups", "diagnosis"]
    write_table("results/toy/figures/groups.csv", pd.DataFrame(rows, columns=columns))
    text = section(made(own=True), "Who shares with whom")
    assert ("| 0    | first second; third | 0.40" in text) == told_apart
    assert ("Round 2: groups are not told apart: one seed" in text) != told_apart
    assert "- Seed 0: joint released its networks" in text


@pytest.mark.slow
def test_the_page_shows_the_groups_of_an_earlier_round_where_the_last_one_tells_none(project):
    none = "not told apart: every mean weight is below 0.05: nothing is shared"
    rows = [(0, 1, 0.3, None, "first second | third", None), (0, 2, 0.0, None, none, None)]
    columns = ["seed", "round", "separation", "adjusted_rand_index", "groups", "diagnosis"]
    write_table("results/toy/figures/groups.csv", pd.DataFrame(rows, columns=columns))
    text = section(made(own=True), "Who shares with whom")
    assert "nothing is shared. In round 1 they are (`groups_round: 1`" in text
    assert "The groups of round 1" in text and "first second; third" in text


@pytest.mark.slow
def test_equal_inputs_give_equal_bytes(project):
    write_grid()
    assert made() == made()


@pytest.mark.slow
def test_an_experiment_that_was_not_run_is_refused_and_no_page_is_written(project):
    with pytest.raises(UserError, match=r"'heir' was not run: .* is missing. Run it: snakemake heir"):
        made("toy", "heir")
    assert not Path("docs").exists()
    with pytest.raises(UserError, match="No experiment is named 'tyo'; did you mean 'toy'"):
        made("tyo")


@pytest.mark.slow
def test_a_page_that_a_person_wrote_is_not_overwritten(project):
    own = Path("docs/results/toy.md")
    own.parent.mkdir(parents=True)
    own.write_text("# My own words\n")
    with pytest.raises(UserError, match=r"docs/results/toy\.md was not made by this tool"):
        made()
    assert own.read_text() == "# My own words\n"


@pytest.mark.slow
def test_results_of_other_settings_are_refused(project):
    write(EDITS | {"experiments.toy.seeds": [0, 1, 2]})
    with pytest.raises(
        UserError, match=r"made with other settings than the parameters say now: seeds\. Run"
    ):
        made()


@pytest.mark.slow
def test_a_method_that_was_trained_otherwise_is_refused_but_a_younger_setting_is_none(project):
    record = json.loads(Jobs(read(EDITS)).train("toy", 0, "isolated").text)
    del record["settings"]["momentum"]
    write_json(Path(paths.method("toy", 0, "isolated"), "settings.json"), record)
    made()
    write(EDITS)
    file = Path("params/chosen/toy.yaml")
    file.write_text(file.read_text().replace("learning_rate: 0.1}", "learning_rate: 0.2}"))
    with pytest.raises(UserError, match="say now: isolated"):
        made()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recorded", "says"),
    [
        ({"architecture_options": {"width": 8}}, "architecture_options"),
        ({"size": 99}, "size"),
        ({"settings": {"learning_rate": 0.1, "momentum": 0.5}}, "isolated"),
        ({"settings": {"learning_rate": 0.1, "a_setting_that_is_gone": 0.2}}, "isolated"),
    ],
    ids=str,
)
def test_results_of_another_network_or_of_a_setting_that_is_gone_are_refused(recorded, says, project):
    record = json.loads(Jobs(read(EDITS)).train("toy", 0, "isolated").text)
    write_json(Path(paths.method("toy", 0, "isolated"), "settings.json"), {**record, **recorded})
    with pytest.raises(UserError, match=rf"made with other settings than the parameters say now: {says}\."):
        made()


def test_a_search_of_other_points_is_refused(project):
    write_grid()
    made()
    points = edited(EDITS)["experiments"]["toy"]["search"] | {
        "isolated": {"learning_rate": [0.01, 0.1, 0.5], "weight_decay": [0.1]}
    }
    write(EDITS | {"experiments.toy.search": points})
    with pytest.raises(UserError, match=r"say now: search\.isolated\."):
        made()


def test_settings_in_words():
    said = in_words({"strength": {"lambda": 10}, "scale_factor": float("inf"), "shared_fraction": 0.6})
    assert said == "λ 10, s ∞, 60 % shared"
    assert in_words({"couple_head": True, "average": False, "weighting": "welsch"}) == (
        "couple head, not average, weighting `welsch`"
    )
    assert in_words({"scale_factor": "Infinity"}) == "s ∞"


@pytest.mark.slow
def test_the_tool_needs_no_torch():
    code = "import sys, jointnn.stages.tools.page; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0
