"""Labels that are numbers: read from lists and Parquet, kept as they are, drawn without classes."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from helpers.dataset import picture, pixels, read, refused, two_classes, write
from helpers.jobs import start_of
from pydantic import ValidationError

from jointnn.data.parquet import from_parquet, to_parquet
from jointnn.data.schema import DatasetParams
from jointnn.data.source import ONE_CLASS
from jointnn.data.splits import Split
from jointnn.errors import UserError
from jointnn.io.files import read_json
from jointnn.io.tensors import read_tensors
from jointnn.jobs.specs import FetchJob, PrepareJob
from jointnn.methods.settings import MethodSettings
from jointnn.models.architectures import architecture
from jointnn.models.stacked import StackedNetworks
from jointnn.stages import fetch, prepare
from jointnn.stages.build import data_of, network_of
from jointnn.tasks import task as TASKS
from jointnn.training.setup import Data, setup_of


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOINTNN_MIRROR", raising=False)


def write_list(name: str, labels: list[str]) -> None:
    """A list of as many pictures, each with its label."""
    lines = [f"{k} a.png {label}\n" for k, label in enumerate(labels)]
    for k in range(len(labels)):
        write(f"own/{k} a.png", picture(k))
    write(f"own/{name}", "".join(lines))


def columns(content: dict) -> bytes:
    buffer = io.BytesIO()
    rows = len(next(iter(content.values())))
    image = [{"bytes": picture(k), "path": f"{k}.png"} for k in range(rows)]
    pq.write_table(pa.table({"image": image, **content}), buffer)
    return buffer.getvalue()


# --- where they are read from ---


def test_a_list_file_ends_its_lines_with_numbers():
    write_list("train.txt", ["0.5 -3", "1e-3 4", "7 0"])
    write_list("test.txt", ["0.25 1"])
    train, test, classes = read(source="list_file", path="own", numbers=["x", "y"])
    assert train.numbers == [(0.5, -3.0), (0.001, 4.0), (7.0, 0.0)]
    assert (test.numbers, pixels(train)) == ([(0.25, 1.0)], [0, 1, 2])
    assert classes == ONE_CLASS and train.labels == [0, 0, 0]


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32(), pa.int32()])
def test_a_parquet_column_of_numbers_is_read_by_its_name(kind):
    write("own.parquet", columns({"age": pa.array([3, 5, 8], kind), "label": ["a", "b", "c"]}))
    train, test, _ = read(source="parquet", path="own.parquet", numbers=["age"], pool=2)
    assert sorted([*train.numbers, *test.numbers]) == [(3.0,), (5.0,), (8.0,)]


def test_what_fetch_writes_is_a_mirror(monkeypatch):
    write_list("all.txt", [f"{k / 8} {k}" for k in range(8)])
    source = DatasetParams(source="list_file", path="own/all.txt", numbers=["x", "y"], pool=4)
    fetch.run(FetchJob(dataset="own", source=source.of_fetch()))
    monkeypatch.setenv("JOINTNN_MIRROR", "data/raw")
    train, test, _ = read(source="mirror", path="own", numbers=["x", "y"])
    assert len(train) == len(test) == 4
    assert sorted(train.numbers + test.numbers) == [(k / 8, float(k)) for k in range(8)]
    manifest = read_json("data/raw/own/manifest.json")
    assert manifest["numbers"] == ["x", "y"]
    lowest, highest = (pick(x for x, _ in train.numbers) for pick in (min, max))
    assert manifest["splits"]["train"]["numbers"]["x"] == [lowest, highest]


def test_parquet_keeps_every_digit():
    write_list("train.txt", ["0.1", str(1 / 3), "1e30"])
    write_list("test.txt", ["2"])
    train, _, classes = read(source="list_file", path="own", numbers=["x"])
    again, found = from_parquet(to_parquet(train, classes, ["x"]), "here", ["x"])
    assert again.numbers == train.numbers == [(0.1,), (1 / 3,), (1e30,)]
    assert found == ONE_CLASS


# --- what is refused ---


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nan", "own/train.txt, line 2: x is 'nan', which is no finite number"),
        ("inf", "own/train.txt, line 2: x is 'inf', which is no finite number"),
        ("1e308", "own/train.txt, line 2: x is '1e308', and networks compute with numbers up to 3.4e+38"),
        (
            "-3.5e38",
            "own/train.txt, line 2: x is '-3.5e38', and networks compute with numbers up to 3.4e+38",
        ),
        ("1_0", "own/train.txt, line 2: x is '1_0', which is no finite number"),
        ("old", "own/train.txt, line 2: x is 'old', which is no finite number"),
        ("", "own/train.txt, line 2: x is 'a.png', which is no finite number"),
    ],
)
def test_a_line_without_its_number_is_named(line, says):
    write_list("train.txt", ["1", line])
    write_list("test.txt", ["1"])
    refused(says, source="list_file", path="own", numbers=["x"])


def test_a_line_with_too_few_numbers_says_how_many_there_are_to_be():
    write("own/0.png", picture(0))
    write("own/train.txt", "0.png 1\n")
    write("own/test.txt", "0.png 1 2\n")
    refused(
        "own/train.txt, line 1: '0.png 1' does not end with 2 numbers. Write `path x y`.",
        source="list_file",
        path="own",
        numbers=["x", "y"],
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([1.0, None], "own.parquet, row 1: age is None, which is no finite number"),
        ([1.0, float("nan")], "own.parquet, row 1: age is nan, which is no finite number"),
        ([1.0, 1e39], "own.parquet, row 1: age is 1e+39, and networks compute with numbers up to 3.4e+38"),
        (["1", "2"], "own.parquet: `age` is a string. It must be a column of numbers."),
    ],
)
def test_a_row_without_its_number_is_named(content, says):
    write("own.parquet", columns({"age": content}))
    refused(says, source="parquet", path="own.parquet", numbers=["age"], pool=1)


def test_a_column_that_is_not_there_is_named():
    write("own.parquet", columns({"age": [1.0, 2.0]}))
    refused("has no column 'aeg'", source="parquet", path="own.parquet", numbers=["aeg"], pool=1)


def test_numbers_in_the_place_of_classes_say_how_to_name_them():
    write("own.parquet", columns({"label": [0.5, 1.5]}))
    refused("say so with numbers: [label]", source="parquet", path="own.parquet", pool=1)
    write_list("all.txt", ["0.5", "1"])
    refused("name the numbers with `numbers`", source="list_file", path="own/all.txt", pool=1)


def test_a_source_without_numbers_refuses_them():
    two_classes("own")
    refused("takes no `numbers`", source="class_folders", path="own", numbers=["x"])


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"ignore_labels": True}, "does not go with `ignore_labels`"),
        ({"first_classes": 2}, "does not go with `first_classes`"),
        ({"permute_labels": [1, 0]}, "does not go with `permute_labels`"),
        ({"classes": ["a", "b"]}, "does not go with `classes`"),
        ({"numbers": ["image"]}, "no number can be named image"),
        ({"numbers": ["x", "x"]}, "none twice"),
        ({"numbers": []}, "at least one name"),
    ],
)
def test_what_is_about_classes_does_not_go_with_numbers(fields, says):
    with pytest.raises(ValidationError, match=says):
        DatasetParams(**{"source": "list_file", "path": "own", "numbers": ["x"], **fields})


def test_a_dataset_of_classes_has_the_digest_that_it_had_before_there_were_numbers():
    assert "numbers" not in DatasetParams(source="optical_digits", pool=9).of_fetch()
    assert "numbers" in DatasetParams(source="list_file", path="own", numbers=["x"]).of_fetch()


# --- from there to networks ---


def prepared(source: DatasetParams) -> None:
    fetch.run(FetchJob(dataset="own", source=source.of_fetch()))
    prepare.run(PrepareJob(dataset="own", size=8, channels=1, fit="crop", mirrored=source.mirrored))


def test_each_image_keeps_its_numbers_to_the_network_which_has_an_output_for_each():
    write_list("all.txt", [f"{k} {k / 2}" for k in range(20)])
    prepared(DatasetParams(source="list_file", path="own/all.txt", numbers=["x", "y"], pool=15))
    arrays, header = read_tensors("data/prepared/own-8.safetensors")
    assert arrays["labels"].dtype == np.float32 and arrays["labels"].shape == (15, 2)
    assert header["numbers"] == '["x", "y"]'
    job = start_of(datasets=["own"], validation_images=5)
    data = data_of(job, "own", test=True, device=torch.device("cpu"))
    assert [len(split) for split in (data.train, data.validation, data.test)] == [10, 5, 5]
    for split in (data.train, data.validation, data.test):
        values = split.images[:, 0, 0, 0].float()  # picture k is of grey k
        assert torch.equal(split.labels, torch.stack([values, values / 2], dim=1))
    assert network_of(job, "own")(torch.zeros(3, 1, 8, 8)).shape == (3, 2)


@pytest.mark.parametrize(("task", "numbers"), [("classification", True), ("regression", False)])
def test_a_task_of_classes_refuses_numbers_and_the_other_way_round(task, numbers):
    labels = torch.zeros(4, 1) if numbers else torch.zeros(4, dtype=torch.int64)
    data = Data(*(Split(torch.zeros(4, 1, 8, 8), labels) for _ in range(2)))
    networks = StackedNetworks({"own": architecture["small_conv"](2, 1, 8, width=2)}, True, True)
    with pytest.raises(UserError, match=f"The task {task} learns .*, but the labels of own are"):
        setup_of("x", networks, {"own": data}, TASKS[task](), MethodSettings(), seed=0)
