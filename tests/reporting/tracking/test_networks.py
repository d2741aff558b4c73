"""Networks of a run among its artifacts: safetensors, an example, a signature, lines that load them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.params import PROJECT, write_files
from helpers.tiny import TINY, folder_with_data
from helpers.tracking import STORE, artifacts_of, client_of, runs_of

from jointnn.io.files import write_atomically
from jointnn.jobs.graph import Jobs
from jointnn.parameters.load import read_params
from jointnn.reporting.tracking import import_runs
from jointnn.stages import fetch, initialise, prepare, train
from jointnn.stages.tools.tracked_networks import ExportedNetworks

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*Any type hint:UserWarning"),  # of mlflow.pyfunc on itself
]
HALVES = {"odd": "1/2", "even": "2/2"}
SETTINGS = {"steps": 6, "batch_size": 4, "record_every": 3, "learning_rate": 0.05}
NAMES = ["networks/even.safetensors", "networks/odd.safetensors"]


class Folder:
    """A project's folder, as helpers ask for it."""

    def __init__(self, root):
        self.root = root


def run_in(folder, sources=None, **changes):
    """A finished run of `isolated` in a folder, and what MLflow holds of it."""
    experiment = {**TINY, "methods": ["isolated"], "settings": SETTINGS, **changes}
    known = {name: {"source": "optical_digits", "part": part, "pool": 60} for name, part in HALVES.items()}
    params = {"default": ["tiny"], "presets": {"default": {}}, "datasets": known | (sources or {})}
    write_files(folder, {**params, "experiments": {"tiny": experiment}})
    jobs = Jobs(read_params())
    for name in experiment["datasets"]:
        fetch.run(jobs.fetch(name))
        prepare.run(jobs.prepare(name, experiment["image_size"]))
    initialise.run(jobs.initialise("tiny", 0))
    train.run(job := jobs.train("tiny", 0, "isolated"))
    write_atomically(job.record, job.text.encode())
    return Folder(folder)


def imported(project, megabytes=100.0):
    import_runs(project.root, ["tiny"], STORE, ExportedNetworks(megabytes))
    return runs_of(project, "tiny")["isolated s0"]


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """A folder of its own, since MLflow keeps a file of a store open, with the data of `tiny`."""
    shutil.copytree(folder_with_data() / "data", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def project(folder):
    return run_in(folder)


def test_the_lines_of_its_description_load_a_network(project):
    run = imported(project)
    note = run.data.tags["mlflow.note.content"]
    (lines,) = re.findall(r"```python\n(.*?)```", note, re.DOTALL)
    assert len(lines.splitlines()) == 3
    first = "import torch\nimages = torch.zeros(2, 1, 8, 8)\n"
    script = f"{first}{lines}print(tuple(outputs.shape))\n"
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", script]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert told.stdout == "(2, 10)\n"


def test_mlflow_loads_them_by_their_signature_and_no_file_is_a_pickle(project):
    import mlflow

    run = imported(project)
    shown = artifacts_of(client_of(project), run)
    assert {"networks/MLmodel", "networks/input_example.json", *NAMES} <= set(shown)
    folder = Path(run.info.artifact_uri.removeprefix("file://")) / "networks"
    model = mlflow.pyfunc.load_model(str(folder))
    example = model.input_example
    assert example.shape == (1, 1, 8, 8)
    assert example.min() >= -1
    assert model.metadata.signature.inputs.inputs[0].shape == (-1, 1, 8, 8)
    assert model.metadata.signature.outputs.inputs[0].shape == (-1, 10)
    ours = model.predict(example, params={"dataset": "even"})
    assert ours.shape == (1, 10)
    assert not np.allclose(ours, model.predict(example, params={"dataset": "odd"}))
    for path in folder.iterdir():
        assert path.read_bytes()[:1] != b"\x80", path
        assert path.suffix in ("", ".json", ".safetensors", ".md")


def test_large_networks_stay_where_they_are_with_a_line_that_exports_them(project):
    run = imported(project, megabytes=0)
    assert not [name for name in artifacts_of(client_of(project), run) if name.startswith("networks")]
    note = run.data.tags["mlflow.note.content"]
    assert "runs/tiny/s0/isolated/state.safetensors" in note
    assert "python -m jointnn export tiny --method isolated --seed 0 --to networks" in note
    again = imported(project, megabytes=100)
    assert again.info.run_id == run.info.run_id
    assert set(NAMES) <= set(artifacts_of(client_of(project), again))
    held = again.data.tags["mlflow.note.content"]
    assert "jointnn.load" in held
    assert imported(project, megabytes=0).data.tags["mlflow.note.content"] == held


def test_a_run_of_another_params_yaml_says_why_its_networks_are_not_shown(project):
    file = Path("params/experiments/tiny.yaml")
    file.write_text(file.read_text().replace("0.05", "0.04"))
    note = imported(project).data.tags["mlflow.note.content"]
    assert note.startswith("Its networks are not shown here. tiny was run for isolated, seed 0, with other")


def test_a_second_import_writes_no_network_again(project):
    run = imported(project)
    before = {path: path.stat().st_mtime_ns for path in Path("mlartifacts").rglob("*.safetensors")}
    assert len(before) == 2
    assert imported(project).info.run_id == run.info.run_id
    assert {path: path.stat().st_mtime_ns for path in Path("mlartifacts").rglob("*.safetensors")} == before


BRANCHES = {
    "inner": ["conv 2", "pool", "dense 6"],
    "image": {"of": ["inner"], "layers": ["image"]},
}


def schema_of(run):
    import mlflow

    model = mlflow.pyfunc.load_model(run.info.artifact_uri.removeprefix("file://") + "/networks")
    found = model.predict(model.input_example)
    return model.metadata.signature, model.input_example, found


def test_a_network_of_several_outputs_has_them_by_name_and_takes_what_its_task_gives_it(folder):
    options = {"architecture": "branched", "architecture_options": {"branches": BRANCHES}}
    run = imported(run_in(folder, task="reconstruction", measures=["error"], **options))
    signature, example, found = schema_of(run)
    assert [(each.name, each.shape) for each in signature.outputs.inputs] == [("image", (-1, 1, 8, 8))]
    assert found["image"].shape == (1, 1, 8, 8)
    assert example.min() >= 0
    assert "floats in 0..1" in run.data.tags["mlflow.note.content"]


def test_a_generator_takes_latent_values(folder):
    task = {
        "task": "generation",
        "task_options": {"features": "efficientnet_lite0", "generated": 8},
        "measures": ["loss"],
    }
    network = {"architecture": "dcgan", "architecture_options": {"width": 2, "latent": 3}, "image_size": 16}
    run = imported(run_in(folder, **task, **network))
    signature, example, found = schema_of(run)
    assert (signature.inputs.inputs[0].shape, example.shape) == ((-1, 3), (1, 3))
    assert signature.outputs.inputs[0].shape[1:] == found.shape[1:] == (1, 16, 16)


def test_a_second_process_writes_the_same_networks(project):
    def networks():
        found = {
            path.name: path.read_bytes() for path in Path("mlartifacts").rglob("networks/*.safetensors")
        }
        note = runs_of(project, "tiny")["isolated s0"].data.tags["mlflow.note.content"]
        return found, re.sub(r"tiny/\w+/", "", note)

    imported(project)
    alone = networks()
    assert len(alone[0]) == 2
    Path("mlflow.db").rename("before.db")
    shutil.rmtree("mlartifacts")
    import_runs(project.root, ["tiny"], "sqlite:///other.db", writer := ExportedNetworks(100, many=1))
    Path("other.db").rename("mlflow.db")
    assert networks() == alone
    assert writer.tried == {}  # this process has written none
    assert not list(Path("work").glob("networks-*"))


def test_datasets_that_differ_in_their_classes_have_outputs_of_any_number(folder):
    few = {"source": "optical_digits", "pool": 40, "only_classes": ["0", "1"]}
    run = imported(run_in(folder, sources={"few": few}, datasets=["odd", "few"]))
    signature, _, found = schema_of(run)
    assert signature.outputs.inputs[0].shape == (-1, -1)
    assert found.shape in ((1, 10), (1, 2))
