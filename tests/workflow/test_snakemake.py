"""Snakemake end to end, as a user meets it: what runs, what runs again, what is refused."""

import inspect
import json
import os
import re
import shutil
import signal

import pytest
from helpers.engine import (
    ALONE,
    DATA,
    EVALUATED,
    NOTHING,
    SEED,
    SHOWN,
    SIGMA_AND_ROUNDS,
    START,
    TOGETHER,
    Project,
    end,
    finished,
    jobs_of,
    wait_for,
)
from snakemake.scheduling.job_scheduler import JobScheduler

from jointnn.io.yaml import from_yaml, to_yaml

pytestmark = pytest.mark.slow
ISOLATED = "runs/tiny/s0/isolated"


@pytest.fixture
def project(tmp_path_factory, tmp_path) -> Project:
    return finished(tmp_path_factory).copy(tmp_path / "project")


def test_a_full_run_makes_what_is_promised_and_a_second_one_nothing(project):
    assert jobs_of(project.path("work/first_run.txt").read_text()) == {**DATA, **SEED, **SHOWN}
    promised = [
        *(
            "table.md",
            "table.tex",
            "summary.csv",
            "metrics.csv",
            "s0/metrics.csv",
            "s0/evidence.safetensors",
        ),
        *("figures/figure_3_curves.svg", "figures/weights.svg"),
    ]
    assert [name for name in promised if not project.path(f"results/tiny/{name}").exists()] == []
    assert project.path("runs/tiny/s0/joint/round_2/weights.json").exists()
    assert project.git("status", "--short") == ""
    assert NOTHING in project.snakemake()
    assert NOTHING in project.snakemake("tiny")
    assert NOTHING in project.snakemake("train_tiny")


def test_freshness_does_not_hang_on_times(project):
    """A checkout, a copy or a backup gives files any times in any order."""
    project.shuffle_times()
    assert NOTHING in project.snakemake()
    project.settle(settings={"scale_factor": 2.0})
    project.shuffle_times()
    assert project.jobs() == {**SIGMA_AND_ROUNDS, **EVALUATED}
    assert NOTHING in project.snakemake()


def test_what_is_forced_to_run_again_runs_with_all_after_it(project):
    project.shuffle_times()
    assert project.jobs("-n", "--forcerun", "sigma") == {**SIGMA_AND_ROUNDS, **EVALUATED}
    assert project.jobs("-n", "--forcerun", "prepare") == {"prepare": 2, **SEED, **SHOWN}
    assert project.jobs("-n", "--forceall") == {**DATA, **SEED, **SHOWN}


def test_settings_can_be_edited_in_a_fresh_checkout(project):
    """There the settings files are written into folders that Snakemake may have looked into before."""
    shutil.rmtree(project.path("work"))
    text = project.path("params/datasets.yaml").read_text()
    project.write("params/datasets.yaml", text.replace("pool: 60", "pool: 70"))
    assert project.jobs(f"{ISOLATED}/settings.json") == {**DATA, **START, **ALONE}


def test_a_changed_lambda_reruns_the_l2_start_and_every_round_but_not_the_isolated_networks(project):
    before = project.content("runs/tiny/s0/**/*", "results/tiny/s0/*")
    project.settle(settings={"strength": {"half_life": 1}})
    assert project.jobs() == {**TOGETHER, **EVALUATED}
    after = project.content("runs/tiny/s0/**/*", "results/tiny/s0/*")
    files = {name for name in after if after[name] != before[name]}
    changed = {name.split("/")[3] for name in files}
    assert changed >= {"l2reg", "joint", "metrics.csv", "settings.json"}
    assert "runs/tiny/s0/joint/l2/state.safetensors" in files
    assert not changed & {"isolated", "start"}
    assert NOTHING in project.snakemake()


def test_only_what_depends_on_a_setting_runs_again(project):
    project.settle(figures=["figure_3_curves"])
    assert project.jobs() == {"figures": 1}
    project.settle(settings={"scale_factor": 2.0})
    assert project.jobs("-n") == {**SIGMA_AND_ROUNDS, **EVALUATED}
    project.settle(settings={"scale_factor": 1.0}, tuned={"isolated": {"learning_rate": 0.05}})
    assert project.jobs("-n") == {**ALONE, **EVALUATED}
    project.settle(tuned={}, methods=["isolated", "joint"])
    assert project.jobs("-n") == EVALUATED
    project.settle(methods=["isolated", "l2reg", "joint"], train_images=21)
    assert project.jobs("-n") == {**SEED, **SHOWN}
    project.settle(train_images=20)
    assert NOTHING in project.snakemake("-n")


def test_what_data_tell_apart_is_a_target_of_its_own_for_which_halves_alone_are_trained(project):
    for made in ("runs", "results", "work"):
        shutil.rmtree(project.path(made))
    assert project.jobs("results/tiny/figures/split_halves.svg") == {
        **START,
        "split_halves": 1,
        "ratios": 1,
    }
    assert len(project.path("results/tiny/figures/split_halves.csv").read_text().splitlines()) == 1 + 4
    project.settle(figures=["figure_3_curves", "split_halves"])
    assert project.jobs("-n") == {**ALONE, **TOGETHER, **EVALUATED}


def test_images_that_were_deleted_are_prepared_again_only_for_a_job_that_needs_them(project):
    """As in a fresh clone with DVC: prepared images are not versioned."""
    shutil.rmtree(project.path("data/prepared"))
    assert NOTHING in project.snakemake("-n")
    project.settle(settings={"scale_factor": 2.0})
    assert project.jobs("-n") == {"prepare": 2, **SIGMA_AND_ROUNDS, **EVALUATED}
    project.settle(settings={"scale_factor": 1.0}, figures=["examples"])
    assert project.jobs() == {"prepare": 2, "figures": 1}
    assert NOTHING in project.snakemake()


def test_changed_code_reruns_the_jobs_that_run_it_and_a_comment_none(project):
    head = project.path("jointnn/irls/consistency.py").read_text().split("\n", 1)[0]
    project.edit("jointnn/irls/consistency.py", head, f"{head}\n# Nothing but a remark.")
    project.edit("jointnn/stages/figures.py", "Draw figures.", "Draw all the figures.")
    assert NOTHING in project.snakemake("-n")
    project.edit("jointnn/reporting/figures/curves.py", "MARKS = 8", "MARKS = 9")
    assert project.jobs() == {"figures": 1}
    project.edit("jointnn/stages/sigma.py", "= found(squared", "= 2 * found(squared")
    assert project.jobs("-n") == {**SIGMA_AND_ROUNDS, **EVALUATED}
    solver = project.path("jointnn/irls/solvers.py").read_text()
    project.write("jointnn/irls/solvers.py", solver + "\nMORE = 1\n")
    everything = project.jobs("-n")
    assert not everything.keys() & DATA.keys()
    assert everything.keys() >= {*ALONE, *TOGETHER}


def test_an_added_seed_trains_that_seed_only_and_the_files_of_a_dropped_one_go(project):
    project.settle(seeds=[0, 7])
    assert project.jobs("-n") == {**SEED, **SHOWN}
    for top in ("runs", "results"):
        shutil.copytree(project.path(f"{top}/tiny/s0"), project.path(f"{top}/tiny/s7"))
    project.settle(seeds=[0])
    assert project.jobs() == {"tidy": 1}
    assert {path.name for path in project.root.glob("r*/tiny/s*")} == {"s0", "summary.csv", "settings.json"}
    assert NOTHING in project.snakemake()


def test_an_interrupted_run_goes_on_to_the_same_bytes(project):
    project.settle(settings={"steps": 1000, "record_every": 50})
    target, history = f"{ISOLATED}/settings.json", project.path(f"work/resume/{ISOLATED}/history.csv")
    for step, how in ((100, signal.SIGKILL), (300, signal.SIGINT)):
        process = project.start("snakemake", target)
        wait_for(history, process, f"\n{step},")
        if how == signal.SIGKILL:  # first another run at once, while this one stands still
            os.killpg(process.pid, signal.SIGSTOP)
            said = project.snakemake(target, fails=True)
            assert "cannot be locked" in said and "Traceback" not in said
            assert "Nothing was unlocked" in project.snakemake("--unlock", fails=True)
        end(process, how)
        assert not project.path(target).exists()
    project.snakemake(target)
    log = project.path("logs/tiny/s0/isolated.log").read_text()
    assert int(re.search(r"Goes on from step (\d+)\.", log)[1]) >= 300
    resumed = project.content(f"{ISOLATED}/*")
    shutil.rmtree(project.path(ISOLATED))
    project.snakemake(target)
    assert "Goes on" not in project.path("logs/tiny/s0/isolated.log").read_text()
    assert project.content(f"{ISOLATED}/*") == resumed


def test_a_record_tells_what_a_job_was_begun_with_though_params_changed_meanwhile(project):
    project.settle(settings={"steps": 600, "record_every": 50})
    target = f"{ISOLATED}/settings.json"
    process = project.start("snakemake", target)
    wait_for(project.path(f"work/resume/{ISOLATED}/history.csv"), process, "\n50,")
    # As `snakemake -n` does after an edit of parameters.
    project.edit(f"work/settings/{target}", '"momentum": 0.9', '"momentum": 0.5')
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert json.loads(project.path(target).read_text())["settings"]["momentum"] == 0.9
    assert NOTHING in project.snakemake("-n", target)
    project.settle(settings={"momentum": 0.5})
    assert project.jobs("-n", target) == ALONE


def test_a_diverged_run_stops_with_its_sentence(project):
    project.settle(tuned={"isolated": {"learning_rate": 1e6}})
    said = project.snakemake(f"{ISOLATED}/settings.json", fails=True)
    assert "tiny, seed 0, isolated diverged: the loss of usual at step " in said
    assert "Lower learning_rate (now 1e+06)" in said
    assert "Traceback" not in said
    assert not project.path(f"{ISOLATED}/state.safetensors").exists()


def test_the_search_reads_no_test_split_and_chooses_on_validation(project):
    rates = {"learning_rate": [0.001, 0.1]}
    project.settle(tuned={})
    project.write("params/grids/tiny.yaml", to_yaml({"search": {"isolated": rates, "joint": rates}}))
    for path in [
        *project.root.glob("data/prepared/*-test*"),
        *project.root.glob("data/raw/*/test.parquet"),
    ]:
        path.unlink()
    made = project.jobs("search_tiny")
    assert sum(count for rule, count in made.items() if rule.startswith("attempt ")) == 4
    assert not made.keys() & {*DATA, *SEED}
    assert list(project.root.glob("data/prepared/*-test*")) == []
    assert project.path("search/tiny/grid.csv").read_text().count("\n") == 5
    choice = from_yaml(project.path("search/tiny/choice.yaml").read_text())
    assert choice["tuned"].keys() == {"isolated", "joint"}
    assert from_yaml(project.path("params/chosen/tiny.yaml").read_text()) == choice
    assert {path.name for path in project.root.glob("runs/tiny/*")} == {"s0"}
    assert NOTHING in project.snakemake("search_tiny")


def test_the_report_is_one_page_that_needs_no_network(project):
    project.run("python", "-m", "jointnn", "report")
    page = project.path("report.html").read_text()
    assert not re.search(r"""<(script|link|img)[^>]*(src|href)=["']?(https?:)?//""", page)
    for said in ("gradient steps per network", "Accuracy on the test split", "<td>isolated</td>"):
        assert said in page
    assert project.git("status", "--short") == ""


def test_mistakes_are_told_in_one_line(project):
    said = project.snakemake("--config", "steps=1", fails=True)
    assert "--config steps: settings come from params.yaml and params/ alone" in said
    assert "Traceback" not in said
    project.settle(settings={"learning_rate": -1})
    lines = project.snakemake("-n", fails=True).splitlines()
    assert "params/experiments/tiny.yaml: settings.learning_rate: " in lines[-1]
    assert [line for line in lines if line.startswith(("Traceback", "  File"))] == []


def test_the_scheduler_has_the_limit_that_our_snakefile_lifts():
    # Under another name it would come back unseen, and cost a core again.
    assert "self.job_rate_limiter is not None" in inspect.getsource(JobScheduler.schedule)


@pytest.mark.slow
def test_results_of_jointnn_0_1_are_not_written_over(tmp_path):
    project = Project.new(tmp_path)
    record = "runs/tiny/s0/isolated/settings.json"
    project.write(record, '{\n "stage": "train",\n "upstream": {}\n}\n')
    said = project.snakemake("tiny", fails=True)
    assert said.splitlines()[-1].startswith(
        f"{record} is of jointnn 0.1, whose results this version cannot read"
    )
    assert "0.1.0, commit b9af79a" in said
    assert "upstream" in project.path(record).read_text()
