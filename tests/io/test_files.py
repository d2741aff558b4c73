"""Files: written whole or not at all, equal bytes for equal values, and damage is refused by name."""

import json
import math
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jointnn.errors import UserError
from jointnn.io import files, tensors

PROJECT = Path(__file__).parents[2]
ARRAYS = {
    "weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "labels": np.array([3, 1], dtype=np.int64),
    "images": np.arange(8, dtype=np.uint8).reshape(2, 1, 2, 2)[:, :, ::-1],
    "step": np.array(7.0),
}
HEADER = {"dataset": "toy", "size": 8, "classes": '["a", "ü"]'}
NOBODY = 65534
TABLE = pd.DataFrame(
    {"dataset": ["a", "b", "c"], "value": [0.1 + 0.2, -1e-300, math.nan], "step": [1, 2, 3]}
)
WRITERS = {
    "text": lambda path: files.write_atomically(path, b"new"),
    "json": lambda path: files.write_json(path, {"b": [1.5, None], "a": "ü"}),
    "table": lambda path: files.write_table(path, TABLE),
    "rows": lambda path: files.write_rows(path, list(TABLE), TABLE.itertuples(index=False)),
    "tensors": lambda path: tensors.write_tensors(path, ARRAYS, HEADER),
}
READERS = {"json": files.read_json, "table": files.read_table, "tensors": tensors.read_tensors}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def names(folder: str = ".") -> list[str]:
    """All that lies in a folder, hidden files too."""
    return sorted(path.name for path in Path(folder).iterdir())


@pytest.mark.parametrize("kind", WRITERS)
def test_equal_values_give_equal_bytes_and_leave_nothing_beside_them(kind):
    WRITERS[kind]("one/file")
    WRITERS[kind]("two/file")
    assert Path("one/file").read_bytes() == Path("two/file").read_bytes()
    assert names("one") == ["file"]


def test_the_order_in_which_a_value_was_made_makes_no_difference():
    files.write_json("one", {"a": 1, "b": {"x": 1, "y": 2}})
    files.write_json("two", {"b": {"y": 2, "x": 1}, "a": 1})
    tensors.write_tensors("three", ARRAYS, HEADER)
    tensors.write_tensors("four", dict(reversed(ARRAYS.items())), dict(reversed(HEADER.items())))
    assert Path("one").read_bytes() == Path("two").read_bytes()
    assert Path("three").read_bytes() == Path("four").read_bytes()
    assert (
        files.digest({"a": 1, "b": 2}) == files.digest({"b": 2, "a": 1}) != files.digest({"a": 1, "b": 3})
    )


def test_a_failed_rename_leaves_what_was_there():
    Path("taken/inside").mkdir(parents=True)
    with pytest.raises(UserError, match=r"^taken could not be written: .*Nothing was left half written"):
        files.write_atomically("taken", b"new")
    assert names() == ["taken"]
    assert names("taken") == ["inside"]


def test_a_folder_that_is_a_file_is_refused_by_name():
    Path("folder").write_text("a file")
    with pytest.raises(
        UserError, match=r"^folder/file could not be written: (File exists|Not a directory)"
    ):
        files.write_atomically("folder/file", b"new")
    assert Path("folder").read_text() == "a file"


@pytest.mark.parametrize("kind", WRITERS)
def test_a_write_that_finds_no_room_leaves_the_old_file(kind):
    Path("file").write_text("old")
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2, unlimited[1]))  # no file may grow beyond two bytes
    try:
        with pytest.raises(UserError, match=r"^file could not be written: File too large"):
            WRITERS[kind]("file")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert Path("file").read_text() == "old"
    assert names() == ["file"]


KILLED_BEFORE_THE_RENAME = """
import os, signal, sys
from jointnn.io.files import write_atomically

def hook(event, arguments):
    if event == "os.rename":
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
write_atomically("file", b"new " * 1000)
"""


@pytest.mark.parametrize("before", ["old", None])
def test_a_kill_before_the_rename_leaves_the_old_file_or_none(before):
    if before is not None:
        Path("file").write_text(before)
    command = [sys.executable, "-c", KILLED_BEFORE_THE_RENAME]
    killed = subprocess.run(command, check=False, env={**os.environ, "PYTHONPATH": str(PROJECT)})
    assert killed.returncode == -signal.SIGKILL
    assert Path("file").exists() == (before is not None)
    if before is not None:
        assert Path("file").read_text() == before
    files.write_atomically("file", b"newer")
    assert Path("file").read_bytes() == b"newer"


def test_a_written_file_can_be_read_by_others_of_its_group():
    files.write_atomically("file", b"new")
    assert Path("file").stat().st_mode & 0o777 == 0o644


def test_json_gives_back_what_was_written():
    value = {"a": [0.1, -0.0, 1e-300, 2**60], "b": None, "c": "ü", "d": math.inf}
    files.write_json("file", value)
    assert files.read_json("file") == value


def test_floats_of_a_table_keep_every_digit():
    random = np.random.default_rng(0)
    values = np.concatenate(
        [random.normal(size=2000) * 10.0 ** random.integers(-300, 300, 2000), [0.1, 1 / 3]]
    )
    files.write_table("table.csv", pd.DataFrame({"value": values}))
    assert files.read_table("table.csv")["value"].tolist() == values.tolist()


def test_rows_are_the_bytes_of_a_table():
    random = np.random.default_rng(0)
    values = random.normal(size=2000) * 10.0 ** random.integers(-300, 300, 2000)
    rows = [
        (step, 'x, "y"', value)
        for step, value in enumerate([*values.tolist(), 1e16, -0.0, math.nan, math.inf])
    ]
    for some in (rows, []):
        files.write_rows("rows.csv", ["step", "name", "value"], some)
        files.write_table("table.csv", pd.DataFrame(some, columns=["step", "name", "value"]))
        assert Path("rows.csv").read_bytes() == Path("table.csv").read_bytes()


def test_a_table_gives_back_what_was_written():
    files.write_table("table.csv", TABLE)
    pd.testing.assert_frame_equal(files.read_table("table.csv"), TABLE, check_exact=True)


def test_tensors_give_back_values_shapes_types_and_header():
    tensors.write_tensors("file", ARRAYS, HEADER)
    arrays, header = tensors.read_tensors("file")
    assert header == {key: str(value) for key, value in HEADER.items()}
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert (arrays[name].dtype, arrays[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(arrays[name], array)


@pytest.mark.parametrize("kind", READERS)
def test_a_missing_file_is_refused_with_the_job_that_makes_it(kind):
    with pytest.raises(UserError) as refused:
        READERS[kind]("runs/gone")
    assert str(refused.value) == (
        "runs/gone could not be read: No such file or directory. Run the job that makes it: "
        "snakemake runs/gone"
    )


@pytest.mark.parametrize("kind", ["json", "tensors"])
def test_a_file_that_is_cut_off_anywhere_is_refused_by_name(kind):
    WRITERS[kind]("whole")
    content = Path("whole").read_bytes().rstrip()
    for length in range(0, len(content), 7):
        Path("file").write_bytes(content[:length])
        with pytest.raises(UserError, match=r"^file is damaged: .* Delete it and run its job again\.$"):
            READERS[kind]("file")


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("json", b"\xff\xfe"),
        ("json", b"nothing"),
        ("table", b""),
        ("table", b"a,b\n1,2,3,4\n5\n6,7,8,9,9\n"),
        ("table", b'a,b\n"1,2\n'),
        ("table", b"a\n\xff\n"),
        ("tensors", b"\x02\0\0\0\0\0\0\0{}"),
        ("tensors", b"\xff" * 20),
        ("tensors", b"PK\x03\x04 a pickle"),
    ],
)
def test_another_kind_of_file_is_refused_by_name(kind, content):
    Path("file").write_bytes(content)
    with pytest.raises(UserError, match=r"^file is damaged: (.|\n)* Delete it and run its job again\.$"):
        READERS[kind]("file")


def test_a_header_of_something_else_is_refused_with_the_first_difference():
    header = {"dataset": "toy", "size": "8", "seed": "0"}
    tensors.check_header("file", header, {"dataset": "toy", "size": 8})
    with pytest.raises(UserError) as refused:
        tensors.check_header("file", header, {"dataset": "toy", "size": 16, "seed": 1})
    assert str(refused.value) == (
        "file belongs to another size: it says '8', this job needs '16'. Delete it and run the job "
        "that makes it."
    )
    with pytest.raises(UserError, match="belongs to another round: it says None, this job needs '3'"):
        tensors.check_header("file", header, {"round": 3})


def test_the_digest_of_a_file_is_that_of_its_content():
    Path("file").write_bytes(b"abc" * 100_000)
    assert files.sha256_of_file("file") == files.sha256(b"abc" * 100_000)
    assert files.digest({"a": 1}) == files.sha256(json.dumps({"a": 1}, indent=1).encode() + b"\n")[:16]


def test_what_is_kept_to_save_time_comes_back_as_it_was_or_not_at_all(tmp_path):
    value = {"a": [1, 2.5, "ä"], "b": {}}
    files.keep(tmp_path / "kept", value)
    assert files.kept(tmp_path / "kept") == value
    whole = (tmp_path / "kept").read_bytes()
    for place in range(len(whole)):
        (tmp_path / "kept").write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert files.kept(tmp_path / "kept") is None
        (tmp_path / "kept").write_bytes(whole[:place])
        assert files.kept(tmp_path / "kept") is None
    assert files.kept(tmp_path / "nothing") is None


@pytest.fixture
def shared_folder():
    with tempfile.TemporaryDirectory() as folder:  # that of pytest is closed to others
        Path(folder).chmod(0o777)
        yield Path(folder)


@pytest.mark.parametrize("then", [None, 1_000_000.0])
def test_in_a_shared_folder_anyone_may_set_the_times_of_anyones_file(shared_folder, then):
    file = shared_folder / "settings.json"
    file.write_bytes(b"theirs")
    file.chmod(0o664)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if os.geteuid() == 0:  # else the file is one's own, and nothing stands in the way
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            files.set_times(file, then)
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert file.read_bytes() == b"theirs"
    assert file.stat().st_mtime == (pytest.approx(time.time(), abs=60) if then is None else then)
    assert [path.name for path in shared_folder.iterdir()] == ["settings.json"]
