"""docs/adding.md: every piece of its code, run as it stands there."""

import re
import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from helpers.engine import NOTHING, Project
from helpers.params import PROJECT
from sklearn.datasets import load_sample_images

from jointnn.data.images import encode_png
from jointnn.io.files import read_json, read_table
from jointnn.io.yaml import from_yaml, to_yaml

PAGE = (PROJECT / "docs/adding.md").read_text(encoding="utf-8")
COUNT, SIDE = 90, 32


def blocks(language: str) -> list[str]:
    """The pieces of code of the page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def photos() -> Iterator[tuple[str, int, np.ndarray]]:
    """Pieces of the two photos that scikit-learn brings along: of which photo, which one, its pixels."""
    drawn = np.random.default_rng(0)
    for name, photo in zip(("china", "flower"), load_sample_images().images, strict=True):
        for k in range(COUNT):
            row, column = (drawn.integers(0, side - SIDE) for side in photo.shape[:2])
            yield name, k, photo[row : row + SIDE, column : column + SIDE]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """A project with the code of the page, and photos: in folders, and in lists with their brightness."""
    made = Project.new(tmp_path_factory.mktemp("adding"), "{default: [mine], presets: {default: {}}}")
    for block in blocks("yaml"):
        file = re.match(r"# (params[\w/]*\.yaml)\n", block)
        assert file, f"a piece of parameters does not say its file: {block[:40]}"
        there = from_yaml(made.path(file[1]).read_text()) if file[1] == "params.yaml" else {}
        made.write(file[1], to_yaml({**there, **from_yaml(block)}))
    for block in blocks("python"):
        name = re.match(r"# (my_\w+\.py)\n", block)
        assert name, f"a piece of code does not say its file: {block[:40]}"
        made.write(name[1], block)
    lines: dict[str, list[str]] = {"china": [], "flower": []}
    for name, k, pixels in photos():
        made.write(f"my_data/{name}/photos/{k}.png", "")
        made.path(f"my_data/{name}/photos/{k}.png").write_bytes(encode_png(pixels))
        lines[name].append(f"{name}/photos/{k}.png {pixels.mean():.3f}\n")
    for name, of in lines.items():
        made.write(f"my_data/{name}.txt", "".join(of))
    return made


def test_every_piece_of_code_is_python_or_yaml_or_a_command_and_what_it_prints():
    fences = re.findall(r"^```(\w*)$", PAGE, flags=re.MULTILINE)
    assert set(fences) == {"python", "yaml", "sh", "text", ""}
    assert fences.count("sh") == fences.count("text") == 1
    assert fences.count("") == len(fences) / 2


@pytest.mark.slow
def test_the_command_of_the_page_prints_the_table_of_the_page(project):
    """Nothing is fetched or prepared yet; afterwards, with images, it is the same table."""
    (command,), (table,) = blocks("sh"), blocks("text")
    words = command.removeprefix(".venv/bin/").split()
    assert project.run(*words) == table
    assert not project.path("runs/mine").exists()
    project.snakemake("runs/mine/s0/start/state.safetensors")
    assert project.run(*words) == table
    assert project.path("logs/mine/s0/start.log").read_text() == table


@pytest.mark.slow
def test_the_experiment_of_the_page_runs_with_everything_ones_own(project):
    project.snakemake("mine")
    table = project.path("results/mine/table.md").read_text()
    assert "Error of the brightness on the test split in per cent of white (lower is better)" in table
    told = read_json(project.path("results/mine/s0/measures.json"))
    assert told["brightness_off"]["best"] == "lowest" and told["brightness_off"]["factor"] == 100
    figures = project.path("results/mine/figures")
    assert "error of the brightness (per cent of white)" in (figures / "bars.svg").read_text()
    history = read_table(project.path("runs/mine/s0/isolated/test_history.csv"))
    off = history[history.metric == "brightness_off"].groupby("step").value.mean()
    assert off.iloc[-1] < off.iloc[0], "it has learned something"
    assert NOTHING in project.snakemake("-n", "mine")
    # What a file of one's own does runs again what used it, and nothing else.
    project.edit("my_figures.py", "figsize=(3.5, 2.5)", "figsize=(3, 2)")
    assert set(project.jobs("-n", "mine")) == {"figures of mine"}
    project.edit("my_figures.py", "figsize=(3, 2)", "figsize=(3.5, 2.5)")
    project.edit("my_tasks.py", "mse_loss", "l1_loss")
    again = project.jobs("-n", "mine")
    assert {"isolated of mine", "l2 of mine", "evaluate of mine", "collect of mine"} <= set(again)
    assert not {"fetch", "prepare", "initialise of mine"} & set(again)
    project.edit("my_tasks.py", "l1_loss", "mse_loss")


@pytest.mark.slow
def test_numbers_are_learned_and_told_in_their_unit(project):
    project.snakemake("how_bright")
    table = project.path("results/how_bright/table.md").read_text()
    assert "Mean absolute error on the test split in grey levels (lower is better)" in table
    assert "R² on the test split in shares of the variance (higher is better)" in table
    rows = read_table(project.path("results/how_bright/metrics.csv"))
    rows = rows[(rows.split == "test") & (rows.dataset == "average")].set_index(["metric", "method"]).value
    # The labels spread by about 50 grey levels: who has learned nothing is about 40 off.
    assert rows["absolute_error", "joint"] < 20 and rows["r_squared", "joint"] > 0.7


@pytest.mark.slow
def test_the_sweep_and_the_source_of_the_page_run(project):
    project.snakemake("sweep_images", "data/raw/stripes_a/manifest.json")
    table = project.path("results/sweeps/images/table.md").read_text()
    assert "Error of the brightness" in table and "8.84" in table
    assert read_json(project.path("data/raw/stripes_a/manifest.json"))["classes"] == ["lying", "standing"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "before", "after", "says"),
    [
        (
            "params/experiments/mine.yaml",
            "task: my_tasks:brightness",
            "task: my_tasks:brightnes",
            "mine.yaml: task: my_tasks.py defines no 'brightnes' at its top level; "
            "did you mean 'brightness'?",
        ),
        (
            "params/experiments/mine.yaml",
            "my_figures:bars",
            "my_figures:bar",
            "mine.yaml: figures: my_figures.py defines no 'bar' at its top level; did you mean 'bars'?",
        ),
        (
            "my_tasks.py",
            "class brightness(OneLoss):",
            "class brightness(OneLoss)",
            "mine.yaml: task: my_tasks.py, line 23: expected ':'. Mend it first.",
        ),
    ],
)
def test_a_mistake_in_ones_own_is_a_sentence_before_anything_runs(project, file, before, after, says):
    project.edit(file, before, after)
    said = project.run("python", "-m", "jointnn", "page", "mine", fails=True)
    project.edit(file, after, before)
    assert says in said and "Traceback" not in said


@pytest.mark.slow
def test_a_mistake_in_ones_own_network_ends_the_first_job_and_nothing_is_trained(project, tmp_path):
    copy = project.copy(tmp_path / "wrong")
    shutil.rmtree(copy.path("runs"), ignore_errors=True)
    copy.edit("my_networks.py", "nn.Linear(32, classes)", "nn.Linear(64, classes)")
    copy.edit("my_tasks.py", "brightness_of(batch.images))", "brightness_of(batch.images)[:1])")
    says = "error: my_networks:tiny cannot take images of 3 × 16 × 16 and fails in '2', a Linear, given a t"
    printed = copy.snakemake("mine", fails=True)
    assert says in printed and "Traceback" not in printed
    assert copy.run("python", "-m", "jointnn", "layers", "mine", fails=True).startswith(says)
    copy.edit("my_networks.py", "nn.Linear(64, classes)", "nn.Linear(32, classes)")
    printed = copy.snakemake("mine", fails=True)
    assert "error: The loss of the task my_tasks:brightness fails: Using a target size" in printed
    assert not list(copy.root.glob("runs/mine/s0/*/state.safetensors"))


@pytest.mark.slow
def test_more_images_than_there_are_is_a_sentence_of_a_dry_run(project, tmp_path):
    copy = project.copy(tmp_path / "many")
    copy.settle("mine", validation_images=70)
    assert "are more than datasets.china.pool, 60" in copy.snakemake("-n", "mine", fails=True)
    for split, count in (("train", 3), ("test", 1)):
        for k in range(count):
            copy.write(f"my_data/split/{split}/photos/{k}.png", "")
    split = {"source": "class_folders", "path": "my_data/split"}
    known = from_yaml(copy.path("params/experiments/mine.yaml").read_text())["datasets"]
    copy.settle("mine", datasets={**known, "split": split}, validation_images=20)
    printed = copy.snakemake("-n", "mine", fails=True)
    assert "params/experiments/mine.yaml: validation_images: 20 for validation and at least 1" in printed
    assert "more than the 3 images of split" in printed and "Traceback" not in printed
    copy.path("my_data/split/train/photos/0.png").unlink()
    copy.path("my_data/split/train/photos/0.png").symlink_to("0.png")
    printed = copy.snakemake("-n", "mine", fails=True)
    assert "split/train/photos/0.png: Too many levels of symbolic links. Its links lead in a" in printed
    assert "Traceback" not in printed
