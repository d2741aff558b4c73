"""A real MLflow server shows what was imported."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from helpers.tracking import EVERY, STORE, trained

from jointnn.reporting.tracking import import_runs


@pytest.fixture
def project(tmp_path):
    return trained(tmp_path)


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
    until = time.monotonic() + 240  # a busy machine takes minutes
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
