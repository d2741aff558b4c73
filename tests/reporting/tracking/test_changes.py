"""Runs whose settings changed since the last import: old and new ones never mix."""

import os
import time
from pathlib import Path

import pytest
from helpers.tracking import STORE, begun, everything, history_of, runs_of, trained

from jointnn.errors import UserError
from jointnn.io.files import write_json
from jointnn.reporting.tracking import import_runs


@pytest.fixture
def project(tmp_path):
    return trained(tmp_path)


@pytest.mark.slow
def test_changed_settings_make_a_new_run_and_mark_the_old_one(project):
    import_runs(project.root, ["digits"], STORE)
    before = runs_of(project)["isolated s0"]
    project.train_isolated(0, learning_rate=0.05)
    project.plan_evaluation(0)
    assert import_runs(project.root, ["digits"], STORE).new == 1
    runs = runs_of(project)
    assert runs["isolated s0"].data.params["learning_rate"] == "0.05"
    old = runs["old isolated s0"]
    assert old.info.run_id == before.info.run_id
    assert old.data.tags["jointnn.superseded"] == runs["isolated s0"].data.tags["jointnn.digest"]
    assert "final/accuracy/test/mnist_a" not in runs["isolated s0"].data.metrics  # not evaluated yet

    assert "final/accuracy/test/mnist_a" in runs["joint s0"].data.metrics  # its evaluation holds

    project.train_isolated(0)  # and back, as a checkout of the older version does
    project.plan_evaluation(0)
    import_runs(project.root, ["digits"], STORE)
    runs = runs_of(project)
    assert runs["isolated s0"].info.run_id == before.info.run_id
    assert runs["old isolated s0"].data.params["learning_rate"] == "0.05"


@pytest.mark.slow
def test_a_run_that_diverged_has_failed_and_says_why_until_it_is_trained_again(project):
    record, resume = "runs/digits/s5/isolated/settings.json", "work/resume/runs/digits/s5/isolated"
    project.plan(record)
    project.history("runs/digits/s5/isolated", 0, 20, "work/resume")
    said = {"diverged": "digits, seed 5, isolated diverged: the loss of mnist_a is nan."}
    write_json(project.root / resume / "diverged.json", said)
    assert str(import_runs(project.root, ["digits"], STORE)).endswith("0 of them still running, 1 diverged")
    run = runs_of(project)["isolated s5"]
    assert run.info.status == runs_of(project)["isolated"].info.status == "FAILED"
    assert run.data.tags["jointnn.diverged"] == said["diverged"]
    assert "jointnn.alarms" not in run.data.tags
    project.train(record, (0, 100))
    import_runs(project.root, ["digits"], STORE)
    run = runs_of(project)["isolated s5"]
    assert run.info.status == runs_of(project)["isolated"].info.status == "FINISHED"
    assert "jointnn.diverged" not in run.data.tags


@pytest.mark.slow
def test_settings_that_nothing_was_made_with_yet_change_nothing(project):
    import_runs(project.root, ["digits"], STORE)
    held = everything(project)
    project.plan_joint(0, learning_rate=0.05)
    project.plan_evaluation(0)
    import_runs(project.root, ["digits"], STORE)
    assert everything(project) == held


@pytest.mark.slow
def test_a_chain_that_is_trained_again_never_mixes_old_and_new_rounds(project):
    import_runs(project.root, ["digits"], STORE)
    project.plan_joint(0, learning_rate=0.05)
    project.plan_evaluation(0)
    jobs = project.jobs(0)
    steps = {}
    for record, _, span in jobs:
        project.train(record, span)
        import_runs(project.root, ["digits"], STORE)
        runs = runs_of(project)
        new = runs["joint s0"]
        assert new.data.params["learning_rate"] == "0.05"
        assert runs["old joint s0"].info.status == "FINISHED"
        steps[record] = len(history_of(project, new, "accuracy/validation/mnist_a"))
        assert new.info.status == ("FINISHED" if record == jobs[-1][0] else "RUNNING")
    assert list(steps.values()) == [5, 5, 8, 11]


@pytest.mark.slow
def test_rounds_that_are_left_from_settings_with_more_of_them_are_not_part_of_the_run(project):
    import_runs(project.root, ["digits"], STORE)
    record, upstream, steps = project.jobs(0)[2]
    project.plan(record, upstream, rounds=1)
    project.train(record, steps)
    import_runs(project.root, ["digits"], STORE)
    run = runs_of(project)["joint s0"]
    assert (run.info.status, run.data.params["rounds"]) == ("FINISHED", "1")
    assert history_of(project, run, "delta") == [(70, 1 / 70)]


def test_a_resume_point_of_older_settings_is_no_running_run(tmp_path):
    running = begun(tmp_path)
    record = running.jobs(0)[0][0]
    running.history(Path(record).parent, 0, 20, "work/resume")
    past = time.time() - 100
    os.utime(running.root / "work/resume" / Path(record).parent / "history.csv", (past, past))
    with pytest.raises(UserError, match="No runs of experiment 'digits'"):
        import_runs(running.root, ["digits"], STORE)


@pytest.mark.slow
def test_without_settings_files_the_records_are_enough(project):
    import_runs(project.root, ["digits"], STORE)
    held = everything(project)
    (project.root / "work").rename(project.root / "elsewhere")
    import_runs(project.root, ["digits"], STORE)
    assert everything(project) == held
