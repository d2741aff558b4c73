"""A newcomer with own images: from the first command to versions, MLflow, the report and predictions.

Real processes throughout. At every step stands what ran again; nothing is lost.
"""

import json

import numpy as np
import pytest
from helpers.engine import NOTHING, Project, jobs_of
from PIL import Image

from jointnn.io.yaml import from_yaml, to_yaml_blocks

pytestmark = pytest.mark.slow
FILE = "params/experiments/mine.yaml"
RESULTS = ("results/mine*", "results/mine/**/*", "runs/mine/**/*")


def photos(project: Project) -> list[str]:
    """Three datasets of two classes, bright and dark, each with its own colour."""
    drawn = np.random.default_rng(0)
    for k, name in enumerate(("leaves", "petals", "bark")):
        for split, count in (("train", 12), ("test", 6)):
            for label, level in (("bright", 170), ("dark", 60)):
                for i in range(count):
                    pixels = drawn.integers(level - 40, level + 40, (20, 24, 3), dtype=np.uint8)
                    pixels[..., k] //= 2
                    file = project.path(f"my_data/{name}/{split}/{label}/{i}.png")
                    file.parent.mkdir(parents=True, exist_ok=True)
                    Image.fromarray(pixels).save(file)
    return [f"my_data/{name}" for name in ("leaves", "petals", "bark")]


def shorten(project: Project) -> None:
    """Two methods, few steps, and two points for each: else as `new` wrote it."""
    project.settle(
        "mine", seeds=[0], methods=["isolated", "joint"], settings={"steps": 12, "record_every": 6}
    )
    project.settle("mine", figures=["figure_3_curves"], settings={"rounds": 2})
    grid = from_yaml(project.path("params/grids/mine.yaml").read_text())["search"]
    few = {name: {**grid[name], "learning_rate": [0.03]} for name in ("isolated", "joint")}
    few["joint"]["strength"], few["isolated"]["weight_decay"] = few["joint"]["strength"][:2], [0, 0.01]
    project.write("params/grids/mine.yaml", to_yaml_blocks({"search": few}))


def test_a_newcomer_goes_from_folders_to_versions_and_back(tmp_path):
    project = Project.new(tmp_path / "project", None)
    paths = photos(project)
    said = project.run("python", "-m", "jointnn", "new", "mine", "--images", *paths)
    assert "snakemake search_mine" in said and "leaves: 24 images for training and validation" in said
    changed = project.git("status", "--short").split()
    assert changed == ["M", "params.yaml", "??", FILE, "??", "params/grids/mine.yaml"]
    assert "mine: mine" in project.path("params.yaml").read_text()
    project.edit("params.yaml", "  digits: digits\n", "")  # which DVC would miss, since it is not made here
    shorten(project)
    table = project.run("python", "-m", "jointnn", "layers", "mine")
    assert "dense" in table

    # What the data tell apart, before anything is chosen.
    asked = project.jobs("results/mine/figures/split_halves.svg")
    assert asked["split_halves of mine"] == asked["ratios of mine"] == 1
    assert not {"attempt joint of mine", "joint of mine", "l2 of mine"} & set(asked)

    searched = project.jobs("search_mine")
    assert (searched["attempt isolated of mine"], searched["attempt joint of mine"]) == (2, 2)
    chosen = from_yaml(project.path("params/chosen/mine.yaml").read_text())
    assert chosen["searched"].items() >= {"seeds": [1000], "points": 2}.items()
    made = project.jobs("mine")
    assert made["isolated of mine"] == made["evaluate of mine"] == 1
    assert "attempt joint of mine" not in made and "fetch" not in made
    table = project.path("results/mine/table.md").read_text()
    assert "hyper-parameters chosen on the validation split of seed 1000" in table
    assert NOTHING in project.snakemake("mine")

    # Versions: what snakemake made is recorded; a changed parameter runs what it touches.
    assert set(jobs_of(project.dvc("repro", "evaluate@mine"))) == {"inventory of mine"}
    project.commit()
    first, results = project.git("rev-parse", "HEAD").strip(), project.content(*RESULTS)
    project.settle("mine", settings={"rounds": 3})
    again = jobs_of(project.dvc("repro", "evaluate@mine"))
    assert again["round 3 of mine"] == again["evaluate of mine"] == 1
    assert "isolated of mine" not in again and "fetch" not in again
    changed = json.loads(project.dvc("params", "diff", "--json"))
    assert {file: list(keys) for file, keys in changed.items()} == {FILE: ["settings.rounds"]}
    project.dvc("metrics", "diff")
    project.commit()
    second, newer = project.git("rev-parse", "HEAD").strip(), project.content(*RESULTS)
    before = project.path(FILE).read_text()
    project.dvc("exp", "run", "-S", f"{FILE}:settings.steps=14", "evaluate@mine")
    assert project.path(FILE).read_text() == before.replace("steps: 12", "steps: 14")
    project.commit()
    for revision, expected in ((first, results), (second, newer)):
        project.git("checkout", "--quiet", revision)
        project.dvc("checkout")
        assert project.content(*RESULTS) == expected
        assert NOTHING in project.snakemake("mine")
    _elsewhere(project)


def _elsewhere(project: Project) -> None:
    """Check the results elsewhere: in MLflow, the report, a page and predictions."""
    project.run("python", "-m", "jointnn", "track")
    read = (
        "import mlflow; mlflow.set_tracking_uri('sqlite:///mlflow.db');"
        "found = mlflow.search_runs(experiment_names=['mine']);"
        "print(sorted(set(found['tags.mlflow.runName'])))"
    )
    assert "joint" in project.run("python", "-c", read)
    project.run("python", "-m", "jointnn", "report")
    page = project.path("report.html").read_text()
    assert "mine/figures/groups.csv" in page and "no results yet: digits" in page
    project.run("python", "-m", "jointnn", "page", "mine")
    assert "hyper-parameters" in project.path("results/mine.md").read_text().lower()
    new_photos = ["my_data/leaves/test", "--to", "predictions.csv"]
    project.run("python", "-m", "jointnn", "predict", "mine", "--dataset", "leaves", *new_photos)
    assert len(project.path("predictions.csv").read_text().splitlines()) == 13
