"""No file that can run code is loaded: tensors alone are, and no module of ours reads a pickle."""

import ast
import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.pickles import RAN, runs_code

import jointnn
from jointnn.errors import UserError
from jointnn.io.tensors import read_header, read_tensors
from jointnn.models.architectures.efficientnet import weights_in

PACKAGE = Path(jointnn.__file__).parent
RUN_CODE = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def of_torch() -> bytes:
    """A file of torch.save whose pickle runs code."""
    content = io.BytesIO()
    torch.save({"weight": torch.zeros(1)}, content)
    changed = io.BytesIO()
    with zipfile.ZipFile(content) as before, zipfile.ZipFile(changed, "w") as after:
        for name in before.namelist():
            after.writestr(name, runs_code() if name.endswith("data.pkl") else before.read(name))
    return changed.getvalue()


@pytest.mark.parametrize("content", [runs_code, of_torch])
@pytest.mark.parametrize("load", [weights_in, jointnn.load, read_tensors, read_header])
def test_a_pickle_that_would_run_code_is_refused_by_name_and_runs_none(content, load):
    Path("weights.pth").write_bytes(content())
    with pytest.raises(UserError, match=r"^weights\.pth "):
        load(Path("weights.pth"))
    assert not RAN.exists()


def test_the_pickle_of_this_test_does_run_code():
    pickle.loads(runs_code())
    assert RAN.exists()


def test_tensors_of_torch_are_read():
    torch.save({"weight": torch.ones(2)}, "weights.pth")
    assert torch.equal(weights_in(Path("weights.pth"))["weight"], torch.ones(2))


@pytest.mark.slow
def test_no_module_loads_what_can_run_code():
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")]
    assert len(trees) > 100
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Import):
            assert not RUN_CODE & {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").partition(".")[0] not in RUN_CODE
        if isinstance(node, ast.Call):
            given = {word.arg: word.value for word in node.keywords}
            assert "allow_pickle" not in given
            called = ast.unparse(node.func)
            if called == "torch.load" or called.endswith(("get_state_dict", "load_state_dict_from_url")):
                assert (
                    isinstance(given.get("weights_only"), ast.Constant)
                    and given["weights_only"].value is True
                )
            assert not called.endswith(("read_pickle", "CIFAR10", "CIFAR100"))


def test_an_array_of_objects_is_not_loaded():
    np.save("objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match=r"^objects\.npy "):
        jointnn.load("objects.npy")
