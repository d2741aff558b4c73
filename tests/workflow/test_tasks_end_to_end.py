"""The tasks of the paper, small, from images to tables and figures, through the workflow.

On real photos where a mirror is, else on digits.
"""

import json

import pytest
from helpers.dataset import MIRROR
from helpers.engine import NOTHING, Project

from jointnn.io.files import read_table

pytestmark = pytest.mark.slow

EXPERIMENTS = """
default: [photos, holes, made]
presets:
  default: {}
  paper: {metric: sum_square, strength: {lambda: 10}, solver: block_coordinate, average: false, rounds: 2}
experiments:
  photos:
    task: classification
    trunk: efficientnet_lite0
    architecture: efficientnet_lite0_end
    datasets: [first, second]
    image_size: 32
    train_images: 20
    validation_images: 20
    seeds: [0]
    methods: [isolated, shareall, joint_paper, joint]
    figures: [figure_3_curves, figure_2_sharing]
    settings: {steps: 6, batch_size: 4, record_every: 3, rounds: 2}
    search:
      isolated: {learning_rate: [0.001, 0.01]}
      joint:
      - {learning_rate: 0.001, strength: {half_life: .inf}}
      - {learning_rate: 0.01, strength: {half_life: 1}, scale_factor: 2}
  holes:
    task: completion
    measures: [error, hole_error]
    architecture: autoencoder
    architecture_options: {width: 4}
    augmentation: flip_shift
    datasets: [first, second]
    image_size: 16
    train_images: 20
    validation_images: 20
    seeds: [0]
    methods: [isolated, shareall, joint]
    figures: [figure_5_errors, completions]
    settings: {steps: 6, batch_size: 4, record_every: 3, rounds: 2, optimiser: adam, couple_head: true}
    search:
      isolated: {learning_rate: [0.00001, 0.01]}
  made:
    task: generation
    task_options: {features: efficientnet_lite0, generated: 20}
    measures: [kernel_distance, nearest_ratio]
    architecture: began
    architecture_options: {width: 2, latent: 4}
    datasets: [first, second]
    image_size: 16
    train_images: 20
    validation_images: 20
    seeds: [0]
    methods: [isolated, joint]
    figures: [figure_6_generated, interpolations, along_training, weights]
    settings:
      {steps: 6, batch_size: 4, record_every: 3, rounds: 2, optimiser: adam, couple: [discriminator]}
    search:
      isolated: {learning_rate: [0.0001, 0.01]}
"""
PHOTOS = (
    "{source: mirror, path: birds, first_classes: 4}",
    "{source: mirror, path: cars, first_classes: 4}",
)
DIGITS = (
    "{source: optical_digits, part: 1/2, pool: 60}",
    "{source: optical_digits, part: 2/2, pool: 60}",
)


def check(project: Project) -> None:
    """Every table and figure is there, and says what it should."""
    made = project.path("results/made")
    assert (
        "Measured on 20 made images in the pooled features of EfficientNet-lite0"
        in (made / "table.md").read_text()
    )
    assert "\n| real images |" in (made / "table.md").read_text()
    assert {"kernel_distance", "nearest_ratio", "balance"} <= set(read_table(made / "metrics.csv").metric)
    assert "<svg" in (made / "figures/figure_6_generated.svg").read_text()
    photos, holes = (project.path(f"results/{name}") for name in ("photos", "holes"))
    assert "Accuracy" in (photos / "table.md").read_text()
    assert "joint (paper)" in (photos / "table.md").read_text()
    metrics = read_table(holes / "metrics.csv")
    assert {"error", "hole_error"} <= set(metrics.metric)
    for figure in ("figure_5_errors", "completions"):
        assert "<svg" in (holes / f"figures/{figure}.svg").read_text()
    assert NOTHING in project.snakemake("-n")


def test_the_tasks_run_to_their_tables_and_figures(tmp_path, monkeypatch):
    monkeypatch.setenv("JOINTNN_MIRROR", str(MIRROR))
    first, second = PHOTOS if (MIRROR / "birds").is_dir() else DIGITS
    project = Project.new(tmp_path, f"datasets:\n  first: {first}\n  second: {second}\n{EXPERIMENTS}")
    jobs = project.jobs()
    # What a trunk makes of images is made once for all jobs.
    assert jobs["activations"] == 2
    check(project)
    project.snakemake("search_photos", "search_holes", "search_made")
    grid = read_table(project.path("search/holes/grid.csv"))
    # A lower error is better.
    assert list(grid.sort_values("validation_error").chosen) == [True, False]
    settings = json.loads(project.path("search/photos/s1000/joint/point_1.settings.json").read_text())
    assert settings["trunk"] == "efficientnet_lite0"
