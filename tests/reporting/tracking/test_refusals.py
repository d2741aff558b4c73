"""Refusals of an import, in a sentence: unknown experiments, damaged files, stores that cannot be used."""

import multiprocessing
import socket
import sqlite3
import time
from contextlib import closing

import pytest
from helpers.tracking import STORE, client_of, trained

from jointnn.errors import UserError
from jointnn.reporting.tracking import follow, import_runs
from jointnn.reporting.tracking.store import opened


@pytest.fixture
def project(tmp_path):
    return trained(tmp_path)


@pytest.mark.slow
def test_an_unknown_experiment_is_refused_with_advice(project):
    (project.root / "mlflow.db").unlink()
    with pytest.raises(UserError, match=r"'digit' were found under runs/\. Run: snakemake digit"):
        import_runs(project.root, ["digit"], STORE)
    with pytest.raises(UserError, match="No runs of experiment 'digit'"):
        follow(project.root, ["digit"], STORE, 0.1, print)
    assert not (project.root / "mlflow.db").exists()


@pytest.mark.slow
def test_a_damaged_history_is_refused_by_name(project):
    project.write("runs/digits/s0/isolated/history.csv", ["step,split", "10,train"])
    with pytest.raises(UserError, match=r"isolated/history.csv is damaged: it lacks some of"):
        import_runs(project.root, ["digits"], STORE)


def test_a_store_that_cannot_be_written_is_refused(project):
    with pytest.raises(UserError, match=r"cannot be written: .*choose another one"):
        import_runs(project.root, ["digits"], "sqlite:///data/raw/mnist_a/manifest.json/mlflow.db")


def test_a_file_that_is_no_store_is_refused(project):
    (project.root / "mlflow.db").write_text("no database " * 100)
    with pytest.raises(UserError, match="its file is no database, or a damaged one"):
        import_runs(project.root, ["digits"], STORE)


def test_a_database_of_another_program_is_left_alone(project):
    (project.root / "mlflow.db").unlink()
    with closing(sqlite3.connect(project.root / "mlflow.db")) as other:
        other.execute("CREATE TABLE songs (name)")
        other.commit()
        with pytest.raises(UserError, match="is a database of another program"):
            import_runs(project.root, ["digits"], STORE)
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("songs",)]


@pytest.mark.parametrize(
    ("revision", "sentence"),
    [
        ("0123456789ab", "was made by a newer MLflow than the installed"),
        ("451aebb31d03", "older MLflow than the installed .* mlflow db upgrade sqlite:///mlflow.db"),
    ],
)
def test_a_store_of_another_mlflow_is_refused(project, revision, sentence):
    with closing(sqlite3.connect(project.root / "mlflow.db")) as store:
        store.execute("UPDATE alembic_version SET version_num = ?", [revision])
        store.commit()
    with pytest.raises(UserError, match=sentence):
        import_runs(project.root, ["digits"], STORE)


@pytest.mark.slow  # it is waited for
def test_a_locked_store_is_in_use_and_nobody_is_told_to_delete_it(project):
    with closing(sqlite3.connect(project.root / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UserError, match="is in use: another program holds it locked") as refused:
            import_runs(project.root, ["digits"], STORE)
        assert "elete" not in str(refused.value)


@pytest.mark.slow
def test_a_store_that_is_locked_during_an_import_is_in_use(project):
    other = sqlite3.connect(project.root / "mlflow.db", isolation_level=None)
    with (
        closing(other),
        pytest.raises(UserError, match="is in use: another program holds it locked"),
        opened(project.root, STORE) as store,
    ):
        other.execute("BEGIN EXCLUSIVE")
        store.open_experiment("digits")


def test_a_server_that_is_not_there_is_refused(project):
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(UserError, match=f"{address} does not answer: Connection refused"):
            import_runs(project.root, ["digits"], address)


@pytest.mark.slow
def test_a_server_that_takes_calls_and_says_nothing_is_refused(project):
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(UserError, match="does not answer: timed out"):
            import_runs(project.root, ["digits"], f"http://127.0.0.1:{silent.getsockname()[1]}")


@pytest.mark.parametrize(
    ("store", "sentence"),
    [
        ("nonsense://here", "MLflow knows no such kind. Give a file, sqlite:///mlflow.db, or a server"),
        ("postgresql://a@127.0.0.1/b", "No module named 'psycopg2'"),
    ],
)
def test_a_store_of_an_unknown_kind_is_refused(project, store, sentence):
    with pytest.raises(UserError, match=sentence):
        import_runs(project.root, ["digits"], store)


@pytest.mark.slow
def test_a_store_that_was_moved_is_refused(project, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (project.root / "mlflow.db").rename(elsewhere / "mlflow.db")
    import_runs(project.root, ["digits"], f"sqlite:///{elsewhere}/mlflow.db")
    (elsewhere / "mlflow.db").rename(project.root / "mlflow.db")
    with pytest.raises(UserError, match="was it moved"):
        import_runs(project.root, ["digits"], STORE)


@pytest.mark.slow
def test_an_experiment_that_was_deleted_in_mlflow_is_not_made_again(project):
    import_runs(project.root, ["digits"], STORE)
    client = client_of(project)
    client.delete_experiment(client.get_experiment_by_name("digits").experiment_id)
    with pytest.raises(UserError, match="Restore it with: mlflow experiments restore"):
        import_runs(project.root, ["digits"], STORE)


def _hold(root, held, free):
    with opened(root, STORE):
        held.set()
        free.wait(60)


@pytest.mark.slow
def test_an_import_that_waits_for_another_one_says_so(project, capfd):
    context = multiprocessing.get_context("spawn")
    held, free = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(project.root, held, free))
    other.start()
    assert held.wait(120)
    waiter = context.Process(target=import_runs, args=(project.root, ["digits"], STORE))
    waiter.start()
    told = ""
    until = time.monotonic() + 120
    while not told and time.monotonic() < until:
        time.sleep(0.2)
        told = capfd.readouterr().err
    free.set()
    waiter.join(120)
    other.join(120)
    assert told == f"Another import into {STORE} is at work: waiting for it. Ctrl-C gives up.\n"
    assert (waiter.exitcode, other.exitcode) == (0, 0)
