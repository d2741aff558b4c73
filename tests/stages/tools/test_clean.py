"""clean: what it removes comes back without training, and what it keeps it keeps."""

import subprocess
from pathlib import Path

import pytest
from helpers.engine import NOTHING, finished
from helpers.jobs import altered, finish
from helpers.params import read, write

from jointnn.__main__ import main
from jointnn.io import paths
from jointnn.io.files import write_atomically
from jointnn.io.tensors import write_tensors
from jointnn.jobs.graph import Jobs

RECORD = "runs/toy/s0/isolated/settings.json"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write({})


def files() -> set[str]:
    return {str(path) for path in Path().glob("**/*") if path.is_file()}


def cleaned(*words: str) -> set[str]:
    """Return the files that a call removes."""
    before = files()
    assert main(["clean", *words]) == 0
    return before - files()


def resume_point(record: str, digest: str) -> str:
    """The last state of a job that was killed; its digest says of which settings."""
    state = paths.state(paths.resume_of(record))
    write_tensors(state, {}, {"job": digest})
    return state


@pytest.mark.slow
def test_without_yes_nothing_is_removed_and_with_it_what_was_said(capsys):
    finish(Jobs(read()).prepare("first", 8))
    assert cleaned() == set()
    said = capsys.readouterr().out
    assert "3 files  data/prepared/: images as networks take them" in said
    assert said.endswith("Nothing was removed. To do it: python -m jointnn clean --yes\n")
    made = set(Jobs(read()).prepare("first", 8).outputs)
    assert cleaned("--yes") == made
    assert not Path("data/prepared").exists()
    assert cleaned("--yes") == set()
    assert capsys.readouterr().out.endswith("There is nothing to remove.\n")


@pytest.mark.slow
def test_a_killed_job_can_still_go_on_and_other_last_states_go():
    jobs = Jobs(read())
    killed = jobs.train("toy", 0, "isolated")
    done = jobs.train("toy", 0, "l2reg")
    finish(done)
    kept = resume_point(killed.record, killed.digest)
    gone = {
        resume_point(done.record, done.digest),
        resume_point(jobs.train("toy", 0, "oracle").record, "of other settings"),
        resume_point("runs/toy/s77/isolated/settings.json", "of a seed that is no more"),
        resume_point("runs/nobody/s0/isolated/settings.json", "of an experiment that is no more"),
    }
    assert cleaned("--yes") == gone
    assert Path(kept).is_file()


@pytest.mark.slow
def test_halves_that_were_asked_for_alone_are_runs_of_now_and_go_on():
    jobs = Jobs(read())
    done, killed = jobs.halves("toy").values()
    finish(done)
    kept = resume_point(killed.record, killed.digest)
    assert cleaned("--runs", "toy", "--yes") == cleaned("--yes") == set()
    assert Path(kept).is_file()


@pytest.mark.slow
def test_runs_results_searches_data_and_own_images_stay():
    for job in Jobs(read()).of_experiment("toy"):
        if job.stage != "fetch":
            finish(job)
    write_atomically("data/raw/first/train.parquet", b"")
    Path("data/prepared/notes.txt").write_text("mine")
    Path("my_data").mkdir()
    Path("my_data/cat-8.safetensors").write_text("mine")
    removed = cleaned("--yes")
    assert removed and all(file.startswith("data/prepared/") for file in removed)
    assert {"data/prepared/notes.txt", "my_data/cat-8.safetensors", RECORD} <= files()


@pytest.mark.slow
def test_own_images_among_prepared_ones_stay_and_so_does_what_git_has():
    write({"datasets.first": {"source": "class_folders", "path": "data/prepared/mine-8.safetensors"}})
    for name in ("mine-8", "other-8", "third-8"):
        write_atomically(f"data/prepared/{name}.safetensors", b"")
    subprocess.run(["git", "init", "--quiet"], check=True)
    subprocess.run(["git", "add", "--force", "data/prepared/other-8.safetensors"], check=True)
    assert cleaned("--yes") == {"data/prepared/third-8.safetensors"}


@pytest.mark.slow
def test_what_a_link_leads_to_stays(tmp_path):
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (outside / "x-8.safetensors").write_text("far away")
    Path("data/prepared").mkdir(parents=True)
    Path("data/prepared/x-8.safetensors").symlink_to(outside / "x-8.safetensors")
    assert main(["clean", "--yes"]) == 0
    assert (outside / "x-8.safetensors").is_file()
    assert not Path("data/prepared/x-8.safetensors").is_symlink()


@pytest.mark.slow
def test_logs_of_jobs_that_are_done_go_and_times_stay():
    jobs = Jobs(read())
    done, failed = jobs.train("toy", 0, "isolated"), jobs.train("toy", 0, "l2reg")
    finish(done)
    for job in (done, failed):
        write_atomically(job.log, b"step 1 of 2")
        write_atomically(job.benchmark, b"s\n1\n")
    assert cleaned("toy", "--yes") == {done.log}


@pytest.mark.slow
def test_superseded_runs_go_only_where_they_are_named(capsys):
    jobs = Jobs(read())
    same, other = jobs.train("toy", 0, "isolated"), jobs.train("toy", 0, "l2reg")
    finish(altered(same, code={"a.py": "older code, which may be accepted"}))
    finish(altered(other, identity="of other settings"))
    finish(jobs.l2("toy", 0, "joint"))
    write_atomically("runs/toy/s7/isolated/state.safetensors", b"")
    write_atomically("runs/toy/s0/joint/round_9/state.safetensors", b"")
    write_atomically("runs/toy/s1/finetune/history.csv", b"of a job that was killed")
    gone = {
        *other.outputs,
        "runs/toy/s7/isolated/state.safetensors",
        "runs/toy/s0/joint/round_9/state.safetensors",
    }
    assert cleaned("--yes") == set()
    assert cleaned("--runs", "toy") == set()
    assert "only training, or DVC, brings them back" in capsys.readouterr().out
    assert cleaned("--runs", "toy", "--yes") == gone


def test_mistakes_are_one_sentence(capsys):
    assert main(["clean", "tyo"]) == 1
    assert "no experiment is named 'tyo'; did you mean 'toy'?" in capsys.readouterr().err
    assert main(["clean", "--runs", "toy"]) == 1
    assert "there is no runs/toy" in capsys.readouterr().err
    assert main(["clean", "--runs", "../runs"]) == 1
    write_atomically(".snakemake/locks/0.input.lock", b"")
    assert main(["clean"]) == 1
    assert "snakemake is at work in this folder" in capsys.readouterr().err


@pytest.mark.slow
def test_after_it_nothing_is_to_be_done(tmp_path_factory, tmp_path):
    project = finished(tmp_path_factory).copy(tmp_path / "project")
    said = project.run("python", "-m", "jointnn", "clean", "--yes")
    assert "data/prepared/" in said and "logs/" in said
    assert not project.path("data/prepared").exists()
    assert NOTHING in project.snakemake()
