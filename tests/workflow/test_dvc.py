"""DVC end to end, on scratch clones with a local remote: results are what was asked for, neither old nor
mixed, and nothing runs that need not."""

import json
import os
import re
import shutil
import signal
import time
from collections import Counter
from itertools import cycle
from pathlib import Path

import pytest
from helpers.engine import (
    ALONE,
    DATA,
    EVALUATED,
    NOTHING,
    SEED,
    SHOWN,
    TOGETHER,
    Project,
    end,
    finished,
    jobs_of,
    wait_for,
)

from jointnn.io.yaml import from_yaml, to_yaml

pytestmark = pytest.mark.slow
UP_TO_DATE = "Data and pipelines are up to date."
METRICS = "results/tiny.metrics.json"
FILE = "params/experiments/tiny.yaml"
RESULTS = ("results/tiny*", "results/tiny/**/*", "runs/tiny/**/*")


class Versioned(Project):
    """A project under DVC, with a remote in a folder beside it."""

    def repro(self) -> Counter:
        """The jobs that `dvc repro` runs, all stages together; what it leaves is committed."""
        jobs = jobs_of(self.dvc("repro"))
        assert UP_TO_DATE in self.dvc("status")
        self.commit()
        return jobs

    def checkout(self, revision: str) -> None:
        self.git("checkout", "--quiet", revision)
        self.dvc("checkout")

    def revision(self) -> str:
        return self.git("rev-parse", "HEAD").strip()

    def losses(self) -> dict[str, float]:
        """Test loss by method, averaged over datasets: it tells runs apart where accuracy may not."""
        metrics = json.loads(self.path(METRICS).read_text())["loss"]
        return {method: values["average"] for method, values in metrics.items()}

    def settings_of(self, folder: str) -> dict:
        return json.loads(self.path(f"{folder}/settings.json").read_text())


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> Versioned:
    """Under DVC since after the first run, everything committed and pushed."""
    root = tmp_path_factory.mktemp("first")
    project = Versioned(finished(tmp_path_factory).copy(root / "project").root)
    project.dvc("remote", "add", "--default", "beside", str(root / "remote"))
    assert project.repro() == {"inventory": 1}
    project.dvc("push")
    return project


@pytest.fixture(scope="module")
def second(first, tmp_path_factory) -> Versioned:
    """After a change of lambda."""
    project = Versioned(first.copy(tmp_path_factory.mktemp("second") / "project").root)
    project.settle(settings={"strength": {"half_life": 1}})
    output = project.dvc("repro")
    assert "To version it" not in output
    project.write("work/second_run.txt", output)
    return project


@pytest.fixture
def clone(first, tmp_path) -> Versioned:
    """A clone in which DVC has brought the data."""
    first.git("clone", "--quiet", ".", str(tmp_path / "clone"))
    project = Versioned(tmp_path / "clone")
    project.dvc("pull")
    return project


def copy_of(project: Versioned, root: Path) -> Versioned:
    return Versioned(project.copy(root / "project").root)


def test_repro_twice_does_nothing_the_second_time(first, tmp_path):
    project = copy_of(first, tmp_path)
    output = project.dvc("repro")
    assert output.count("didn't change, skipping") == 3
    assert UP_TO_DATE in output
    assert project.git("status", "--short") == ""
    listed = project.git("ls-files")
    assert "dvc.lock" in listed
    assert not any(name.startswith(("runs/", "results/", "data/")) for name in listed.splitlines())


def test_a_changed_lambda_reruns_only_the_jobs_it_touches_and_the_metrics_are_new(first, second, tmp_path):
    assert jobs_of(second.path("work/second_run.txt").read_text()) == {**TOGETHER, **EVALUATED}
    before, after = first.losses(), second.losses()
    assert before["isolated"] == after["isolated"]
    assert before["joint"] != after["joint"]
    assert before["l2reg"] != after["l2reg"]
    assert UP_TO_DATE in second.dvc("status")
    project = copy_of(second, tmp_path)
    assert NOTHING in project.snakemake()
    changed = json.loads(project.dvc("params", "diff", "--json"))
    assert {file: list(keys) for file, keys in changed.items()} == {FILE: ["settings.strength.half_life"]}
    metrics = json.loads(project.dvc("metrics", "diff", "--json"))[METRICS]
    assert metrics["loss.joint.average"]["new"] == after["joint"]
    assert "loss.isolated.average" not in metrics
    project.dvc("plots", "show")
    page = project.path("dvc_plots/index.html").read_text()
    assert "tiny.curves.csv" in page
    assert sorted(project.git("status", "--short").split()) == ["M", "M", "dvc.lock", FILE]


def test_an_older_revision_with_new_evaluation_gives_neither_old_nor_mixed_results(first, second, tmp_path):
    project = copy_of(second, tmp_path)
    project.commit()
    newer = project.revision()
    project.checkout("HEAD~1")
    assert project.content(*RESULTS) == first.content(*RESULTS)
    assert project.repro() == {}
    assert NOTHING in project.snakemake()
    project.settle(methods=["isolated", "joint"])
    assert project.repro() == EVALUATED
    old = first.losses()
    assert project.losses() == {"isolated": old["isolated"], "joint": old["joint"]}
    project.checkout(newer)
    assert project.losses() == second.losses()
    assert project.repro() == {}


def test_what_snakemake_made_is_recorded_without_training_and_then_a_checkout_loses_nothing(
    first, tmp_path
):
    project = copy_of(first, tmp_path)
    older = project.revision()
    project.settle(settings={"strength": {"half_life": 2}})
    project.snakemake()
    project.commit()
    newer, results = project.revision(), project.content(*RESULTS)
    assert results != first.content(*RESULTS)
    # DVC does not know these results: it refuses to write over them, and they are as they were.
    project.git("checkout", "--quiet", older)
    assert "unsaved files" in project.dvc("checkout", fails=True)
    project.git("checkout", "--quiet", newer)
    assert project.content(*RESULTS) == results
    said = project.run("python", "-m", "jointnn", "record", "tiny")
    assert said.strip() == "DVC has recorded tiny. Keep it: git add dvc.lock && git commit"
    assert UP_TO_DATE in project.dvc("status")
    project.commit()
    newer = project.revision()
    for revision, expected in ((older, first.content(*RESULTS)), (newer, results)):
        project.checkout(revision)
        assert project.content(*RESULTS) == expected
        assert NOTHING in project.snakemake()
    project.settle(seeds=[0, 1])
    said = project.run("python", "-m", "jointnn", "record", "tiny", fails=True)
    assert "error: tiny is not up to date: " in said and "Make it first: snakemake tiny" in said


def test_dvc_shows_an_experiment_as_its_three_steps_and_complains_of_nothing(first, tmp_path):
    project = copy_of(first, tmp_path)
    edges = re.findall(r'"(\w+@\w+)" -> "(\w+@\w+)"', project.dvc("dag", "--dot"))
    assert edges == [("dataset@tiny", "train@tiny"), ("train@tiny", "evaluate@tiny")]
    assert project.dvc("metrics", "diff").strip() == ""
    project.settle(settings={"learning_rate": 0.03})
    changed = [line for line in project.dvc("status").splitlines() if line.endswith(":") and "@" in line]
    assert changed == ["train@tiny:", "evaluate@tiny:"]
    assert project.dvc("params", "diff").splitlines()[-1].split()[:2] == [FILE, "settings.learning_rate"]


def test_links_into_the_cache_are_judged_by_what_they_point_to(first, tmp_path):
    project = copy_of(first, tmp_path)
    project.dvc("config", "cache.type", "symlink")
    for folder in ("runs", "results"):
        shutil.rmtree(project.path(folder))
    project.dvc("checkout")
    made = [path for path in sorted(project.root.glob("r*/**/*")) if path.is_symlink()]
    assert len(made) > 20
    assert NOTHING in project.snakemake()
    for path, then in zip(made, cycle((1, time.time() + 1e6))):
        os.utime(path, (then, then), follow_symlinks=False)
    assert NOTHING in project.snakemake()
    project.settle(figures=["weights"])
    assert project.jobs() == {"figures": 1}
    assert NOTHING in project.snakemake()


def test_a_clone_needs_nothing_and_after_an_edit_it_gives_what_the_original_would(clone, second, first):
    assert clone.content(*RESULTS) == first.content(*RESULTS)
    assert UP_TO_DATE in clone.dvc("status")
    assert UP_TO_DATE in clone.dvc("repro")
    assert NOTHING in clone.snakemake()
    clone.settle(settings={"strength": {"half_life": 1}})
    assert clone.repro() == {**DATA, **TOGETHER, **EVALUATED}
    assert clone.content(*RESULTS) == second.content(*RESULTS)


def test_an_added_seed_trains_itself_alone_in_an_experiment_of_dvc_and_a_dropped_one_leaves(
    first, tmp_path
):
    project = copy_of(first, tmp_path)
    before = project.path(FILE).read_text().splitlines()
    said = project.dvc("exp", "run", "-S", f"{FILE}:seeds=[0,1]")
    assert jobs_of(said) == {**SEED, **SHOWN}
    assert [line for line in before if line not in project.path(FILE).read_text().splitlines()] == []
    assert json.loads(project.dvc("exp", "show", "--json"))
    assert NOTHING in project.snakemake()
    project.settle(seeds=[1])
    assert project.repro() == {"tidy": 1, **SHOWN}
    assert [path.name for path in project.root.glob("r*/tiny/s?")] == ["s1", "s1"]
    assert project.settings_of("results/tiny")["seeds"] == [1]


def test_an_experiment_of_dvc_in_a_folder_of_its_own_leaves_the_workspace_as_it_was(first, tmp_path):
    project = copy_of(first, tmp_path)
    before = project.content(*RESULTS)
    key = f"{FILE}:tuned.isolated.learning_rate"
    said = project.dvc("exp", "run", "--temp", "--name", "quick", "-S", f"{key}=0.3")
    assert jobs_of(said) == {**DATA, **ALONE, **EVALUATED}
    assert project.content(*RESULTS) == before
    assert project.git("status", "--short") == ""
    project.dvc("exp", "apply", "quick")
    losses, old = project.losses(), first.losses()
    assert losses["isolated"] != old["isolated"]
    assert losses["joint"] == old["joint"]
    assert UP_TO_DATE in project.dvc("status")
    assert NOTHING in project.snakemake()


def test_a_sweep_is_a_stage(first, tmp_path):
    project = copy_of(first, tmp_path)
    of = {
        "dataset": "usual",
        "measure": "accuracy",
        "along": "images",
        "experiments": {"tiny": 20, "fewer": 10},
    }
    fewer = {"extends": "tiny", "datasets": ["usual", "other"], "train_images": 10}
    project.write("params/experiments/fewer.yaml", to_yaml(fewer))
    project.write("params/sweeps/one.yaml", to_yaml(of))
    top = from_yaml(project.path("params.yaml").read_text())
    top |= {"experiments": {"tiny": "tiny", "fewer": "tiny"}, "sweeps": {"one": "one"}}
    project.write("params.yaml", to_yaml(top))
    jobs = project.repro()
    assert jobs["sweep"] == jobs["figures of fewer"] == 1
    assert {rule for rule in jobs if "fewer" not in rule} == {"sweep"}
    assert project.content("results/sweeps/one/table.md")
    project.shuffle_times()
    assert NOTHING in project.snakemake("sweep_one")
    assert project.repro() == {}


def test_an_interrupted_repro_goes_on_where_it_was(first, tmp_path):
    project = copy_of(first, tmp_path)
    project.settle(methods=["isolated"], settings={"steps": 800, "record_every": 50})
    history = project.path("work/resume/runs/tiny/s0/isolated/history.csv")
    process = project.start("dvc", "repro")
    wait_for(history, process, "\n100,")
    end(process, signal.SIGKILL)
    assert project.repro() == {**ALONE, **EVALUATED}
    assert "Goes on from step " in project.path("logs/tiny/s0/isolated.log").read_text()
    assert project.losses().keys() == {"isolated"}
    assert NOTHING in project.snakemake()
