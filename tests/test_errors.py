"""Refusals of the system, an encoding or a database: a sentence with path and remedy, everywhere."""

import errno
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from helpers.dataset import two_classes, write
from helpers.faults import each_refused
from helpers.params import write as write_params

from jointnn.__main__ import main
from jointnn.errors import UserError, refused
from jointnn.io import files, yaml
from jointnn.jobs.freshness import write_settings
from jointnn.jobs.graph import Jobs
from jointnn.jobs.kept_params import read_kept_params

LONGEST = 700


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def raised(call) -> BaseException:
    with pytest.raises(Exception) as found:
        call()
    return found.value


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_whatever_the_system_refuses_becomes_a_sentence_with_both_paths_and_a_remedy(number):
    error = OSError(number, os.strerror(number), "my data/a.png", None, "b.png")
    said = str(refused(error))
    assert said.startswith(f"my data/a.png and b.png: {os.strerror(number)}. ")
    assert said.endswith(".") and len(said.split(". ")) == 2


def as_nobody(call):
    """Call without the rights of root, who may read everything."""
    if os.geteuid():
        return call()
    os.seteuid(65534)
    try:
        return call()
    finally:
        os.seteuid(0)


def calls_that_raise() -> dict[str, object]:
    """Real calls, each with what its sentence must hold."""
    secret = write("a/secret.txt", "")
    secret.chmod(0)
    write("folder/b.txt", b"caf\xe9 = 1")
    Path("circle").symlink_to("circle")
    os.link("folder/b.txt", b"folder/caf\xe9.txt")
    name = next(path.name for path in Path("folder").iterdir() if path.name != "b.txt")
    write("none.db", "no database " * 100)
    return {
        "missing.txt: No such file": lambda: Path("missing.txt").read_text(),
        "folder: Is a directory": lambda: Path("folder").read_text(),
        "folder/b.txt/c: Not a directory": lambda: Path("folder/b.txt/c").read_text(),
        "circle: Too many levels": lambda: Path("circle").read_text(),
        "secret.txt: Permission denied": lambda: as_nobody(secret.read_text),
        f"{'x' * 50}: File name too long": lambda: Path("x" * 300).read_text(),
        "folder: Directory not empty": Path("folder").rmdir,
        "A path holds a NUL": lambda: Path("a\0b").read_text(),
        "invalid continuation byte at byte 3, near 'caf": lambda: Path("folder/b.txt").read_text("utf-8"),
        r"folder/caf\xe9.txt": lambda: json.dumps(f"folder/{name}", ensure_ascii=False).encode(),
        r"folder/caf\xe9.txt/c": lambda: Path("folder", name, "c").read_text(),
        "The database refuses: file is not a database": lambda: database("none.db"),
        "unable to open database file": lambda: database("missing/a.db"),
        "Memory is short": lambda: bytearray(1 << 60),
    }


def database(path: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("SELECT name FROM sqlite_master")


def test_every_call_that_raises_becomes_a_sentence_that_names_its_file():
    for held, call in calls_that_raise().items():
        said = str(refused(raised(call)))
        assert held in said, (held, said)
        assert "\n" not in said and len(said) < LONGEST


@pytest.mark.slow  # imports them
def test_what_mlflow_and_its_database_raise_becomes_a_sentence():
    import alembic.util
    from mlflow.exceptions import MlflowException
    from sqlalchemy import create_engine, text

    for error in (
        alembic.util.CommandError("Can't locate revision identified by 'abc'"),
        MlflowException("Detected out-of-date database schema (found version a, but expected b).\nMore."),
        raised(lambda: create_engine("sqlite://").connect().execute(text("SELECT * FROM runs"))),
    ):
        said = str(refused(error))
        assert said.startswith("The database refuses: ") and str(error).splitlines()[0][:20] in said
        assert "\n" not in said and len(said) < LONGEST


def test_a_mistake_of_the_program_is_no_sentence():
    for call in (lambda: {}["a"], lambda: 1 / 0, lambda: int("x"), lambda: None.x):
        assert refused(raised(call)) is None
    sentence = UserError("Mend it.")
    assert refused(sentence) is sentence


@pytest.mark.parametrize("read", [files.read_text, files.read_bytes, files.read_json, yaml.read_yaml])
def test_files_that_cannot_be_read_are_refused_by_name(read):
    write("latin.txt", b"caf\xe9")
    Path("folder").mkdir()
    for name in ("missing", "folder", "latin.txt"):
        if (read, name) == (files.read_bytes, "latin.txt"):
            continue
        with pytest.raises(UserError, match=f"^{name} "):
            read(name)


def write_project() -> None:
    two_classes("own")
    write_params({"datasets.third": {"source": "class_folders", "path": "own"}})


def reading() -> str | None:
    """Read as a call of Snakemake does before its first job; return the sentence that it ends with."""
    try:
        for job in (jobs := Jobs(read_kept_params())).in_order(jobs.prepare("third", 8)):
            write_settings(job)
    except Exception as error:
        if (said := refused(error)) is None:
            raise
        return str(said)
    return None


def walked(call, capsys, code: int = errno.EACCES) -> int:
    """How many calls of the system were refused, each ending with a sentence or doing no harm."""
    count = 0
    for path, returned in each_refused(call, code):
        count += 1
        said = returned if isinstance(returned, str) else capsys.readouterr().err
        if returned in (0, None):
            continue
        assert "Traceback" not in said and max(map(len, said.splitlines())) < LONGEST, said
        meant = Path(path).name.rpartition(".")[0].lstrip(".") or Path(path).name
        assert Path(path).is_dir() or not Path(path).suffix or meant in said, (path, said)
    return count


@pytest.mark.slow
def test_whichever_call_is_refused_while_the_workflow_is_read_it_ends_with_a_sentence(capsys):
    write_project()
    assert reading() is None
    count = walked(reading, capsys)
    assert count > 10


@pytest.mark.slow
def test_whichever_call_of_a_job_is_refused_it_ends_with_a_sentence(capsys):
    write_project()
    jobs = Jobs(read_kept_params())
    prepare = jobs.prepare("third", 8)
    for job, code in zip(jobs.in_order(prepare), (errno.EACCES, errno.ENOSPC), strict=True):
        settings = write_settings(job)
        assert walked(lambda: main([job.stage, settings]), capsys, code) > 10  # noqa: B023
        assert main([job.stage, settings]) == 0
