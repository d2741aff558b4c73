"""`jointnn ui`: MLflow's real server shows what was imported, opens with training and ends with Ctrl-C."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest
from helpers.params import PROJECT
from helpers.tracking import EVERY, trained

pytestmark = pytest.mark.slow
LINK = r"MLflow: (http://127\.0\.0\.1:(\d+)/)#/experiments\?workflowType=machine_learning\n"
BROWSER = shutil.which("chromium")
FLAGS = """
--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --virtual-time-budget=60000 --dump-dom
"""


class Server:
    """The command in a folder, and what it has printed."""

    def __init__(self, root, port=0):
        environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jointnn", "ui", "--port", str(port)],
            cwd=root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.told = ""

    def answers(self):
        """Wait until it has said where it is; a busy machine takes minutes."""
        killer = threading.Timer(240, self.process.kill)
        killer.start()
        for line in self.process.stdout:
            self.told += line
            if line == "Ctrl-C ends it.\n":
                break
        killer.cancel()
        found = re.search(LINK, self.told)
        assert found, self.told
        self.start, self.port = found[1], int(found[2])
        return self

    def call(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.start + path, data, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read().decode()
        return json.loads(text) if path.startswith("api/") else text

    def end(self):
        """Ctrl-C; what it prints then."""
        self.process.send_signal(signal.SIGINT)
        rest, _ = self.process.communicate(timeout=120)
        return rest


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(trained(tmp_path_factory.mktemp("served")).root).answers()
    yield server
    assert server.end().splitlines()[-1] == "MLflow has ended; `make ui` starts it again."
    assert server.process.returncode == 0


def test_the_server_shows_what_was_imported(server):
    api = "api/2.0/mlflow"
    found = server.call(f"{api}/experiments/get-by-name?experiment_name=digits")["experiment"]
    search = {"experiment_ids": [found["experiment_id"]]}
    parent = {"filter": "tags.`jointnn.key` = 'digits/joint'"}
    (joint,) = server.call(f"{api}/runs/search", search | parent)["runs"]
    children = {"filter": f"tags.`mlflow.parentRunId` = '{joint['info']['run_id']}'"}
    seeds = server.call(f"{api}/runs/search", search | children)["runs"]
    assert sorted(run["info"]["run_name"] for run in seeds) == ["joint s0", "joint s1"]

    for run in (joint, seeds[0]):
        identifier = run["info"]["run_id"]
        for metric in ("accuracy/validation/mnist_a", "accuracy/test/average"):
            key = metric.replace("/", "%2F")
            points = server.call(f"{api}/metrics/get-history?run_id={identifier}&metric_key={key}")[
                "metrics"
            ]
            assert sorted(point["step"] for point in points) == list(range(0, 101, EVERY))

    report = {"filter": "tags.`jointnn.key` = 'digits/report'"}
    (shown,) = server.call(f"{api}/runs/search", search | report)["runs"]
    identifier = shown["info"]["run_id"]
    listed = server.call(f"{api}/artifacts/list?run_id={identifier}&path=figures")["files"]
    assert [entry["path"] for entry in listed] == ["figures/curves.svg"]
    curves = server.call(f"get-artifact?path=figures/curves.svg&run_uuid={identifier}")
    assert curves.startswith("<svg")
    run = seeds[0]["info"]["run_id"]
    weights = server.call(f"get-artifact?path=round_2/weights.json&run_uuid={run}")
    assert json.loads(weights)["round"] == 2


def test_its_lines_lead_to_each_experiment_and_nothing_else_is_said(server):
    lines = server.told.splitlines()
    assert lines[0] == "Importing runs into MLflow ..."
    assert lines[1].startswith("4 new, 0 changed, 0 as before; 0 of them still running (")
    assert lines[3:] == [
        f"  digits: {server.start}#/experiments/1/runs?workflowType=machine_learning",
        "Ctrl-C ends it.",
    ]


def test_the_assistant_and_telemetry_are_off(server):
    for path in ("ajax-api/3.0/mlflow/assistant/config", "ajax-api/3.0/mlflow/assistant/message"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            server.call(path)
    assert json.loads(server.call("ajax-api/3.0/mlflow/ui-telemetry"))["disable_ui_telemetry"]
    page = server.call("")
    told = re.search(r"Object\.entries\((\{.*?\})\)\)\n", page)[1]
    switches = json.loads(told)
    assert switches["mlflow.workflowType_v1"] == "machine_learning"
    assert switches["mlflow.settings.telemetry.enabled_v1"] is False
    (table,) = [value for name, value in switches.items() if "ExperimentPage" in name]
    assert table["selectedColumns"] == [
        "metrics.`final/accuracy/test/average`",
        "metrics.`std/final/accuracy/test/average`",
    ]


@pytest.mark.timeout(300)
def test_a_browser_opens_with_the_results_of_each_method(server, tmp_path):
    """Where Chromium is installed; the page itself is MLflow's."""
    if BROWSER is None:
        assert "<!doctype html>" in server.call("")
        return
    address = f"{server.start}#/experiments/1/runs"
    command = [BROWSER, *FLAGS.split(), f"--user-data-dir={tmp_path}", address]
    page = subprocess.run(command, capture_output=True, text=True, check=True, timeout=240).stdout
    shown = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL)
    assert "Model training" in shown
    assert "Traces" in shown
    assert "Evaluation runs" not in shown  # of the assistant's view
    for word in ("isolated", "joint", "final/accuracy/test/average"):
        assert word in shown, word
    assert re.search(r"0\.80[45]", shown)


def test_a_port_in_use_is_a_sentence_at_once(server, tmp_path):
    second = Server(tmp_path, server.port)
    said, _ = second.process.communicate(timeout=120)
    assert second.process.returncode == 1
    assert said.startswith(f"error: Port {server.port} cannot be used: Address already in use. ")
    assert f"make ui PORT={server.port + 1}" in said
    assert said.count("\n") == 1


def test_other_hosts_are_refused(server):
    request = urllib.request.Request(server.start, headers={"Host": "example.org"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=60)


def test_make_ui_calls_the_command():
    told = subprocess.run(
        ["make", "-n", "--no-print-directory", "ui", "PORT=5099"],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.splitlines()[-1] == "python -m jointnn ui --port 5099"
