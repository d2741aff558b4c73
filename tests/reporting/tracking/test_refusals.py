"""What an import refuses: unknown experiments, damaged files, stores that are none."""

import pytest
from helpers.tracking import STORE, trained

from jointnn.errors import UserError
from jointnn.reporting.tracking import follow, import_runs


@pytest.fixture
def project(tmp_path):
    return trained(tmp_path)


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


@pytest.mark.slow
def test_a_store_that_was_moved_is_refused(project, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (project.root / "mlflow.db").rename(elsewhere / "mlflow.db")
    import_runs(project.root, ["digits"], f"sqlite:///{elsewhere}/mlflow.db")
    (elsewhere / "mlflow.db").rename(project.root / "mlflow.db")
    with pytest.raises(UserError, match="was it moved"):
        import_runs(project.root, ["digits"], STORE)
