"""Types of columns in Parquet: texts are names of classes, bytes are read in every type that holds them."""

import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.dataset import picture, pixels, read, refused

from jointnn.data.parquet import labels_from_parquet
from jointnn.data.schema import DatasetParams
from jointnn.data.source import source_of

OWN = {"source": "parquet", "path": "own"}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOINTNN_MIRROR", raising=False)
    Path("own").mkdir()


def file(name: str, labels: object, start: int = 0, image: object = None) -> None:
    """A file of as many pictures as labels, of values that count on from `start`."""
    labels = labels if isinstance(labels, pa.Array) else pa.array(labels)
    if image is None:
        image = pa.array([{"bytes": picture(start + k), "path": f"{k}.png"} for k in range(len(labels))])
    pq.write_table(pa.table({"image": image, "label": labels}), f"own/{name}.parquet")


TEXTS = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.dictionary(pa.int8(), pa.string()),
    pa.dictionary(pa.int32(), pa.large_string()),
]


@pytest.mark.parametrize("kind", TEXTS)
def test_labels_that_are_texts_are_names_of_classes_in_the_order_of_the_alphabet(kind):
    file("train-1", pa.array(["dog", "bee"], pa.string()).cast(kind))
    file("train-2", pa.array(["cat", "bee"], pa.string()).cast(kind), 10)
    file("test", pa.array(["cat", "dog"], pa.string()).cast(kind), 20)
    train, test, classes = read(**OWN)
    assert classes == ["bee", "cat", "dog"]
    assert dict(zip(pixels(train), train.labels, strict=True)) == {0: 2, 1: 0, 10: 1, 11: 0}
    assert dict(zip(pixels(test), test.labels, strict=True)) == {20: 1, 21: 2}
    source = source_of(DatasetParams(**OWN))
    assert source.labels is not None
    counted = source.labels()
    assert (counted.train.labels, counted.classes) == (train.labels, classes)


def test_names_of_texts_can_be_chosen_ordered_and_renamed():
    file("train", ["dog", "bee", "cat"])
    file("test", ["cat", "dog"], 20)
    assert read(**OWN, only_classes=["dog", "cat"])[2] == ["dog", "cat"]
    train, _, classes = read(**OWN, classes=["dog", "cat", "bee"])
    assert (train.labels, classes) == ([0, 2, 1], ["dog", "cat", "bee"])
    train, _, classes = read(**OWN, classes=["Biene", "Katze", "Hund"])
    assert (train.labels, classes) == ([2, 0, 1], ["Biene", "Katze", "Hund"])
    file("test", ["cat", "eel"], 20)
    refused("no training image has the class 'eel'. The test has images of it", **OWN)


def test_integers_in_a_dictionary_are_integers():
    file("train", pa.array([1, 0, 1]).dictionary_encode())
    file("test", pa.array([0, 1]).dictionary_encode())
    train, test, classes = read(**OWN)
    assert (train.labels, test.labels, classes) == ([1, 0, 1], [0, 1], ["0", "1"])


@pytest.mark.parametrize("texts_in", ["train", "test"])
def test_a_number_beside_texts_is_the_text_that_is_written_like_it(texts_in):
    numbers = [2, 10, 0, 2]
    for split in ("train", "test"):
        file(split, list(map(str, numbers)) if split == texts_in else numbers)
    train, test, classes = read(**OWN)
    assert [classes[label] for label in train.labels] == ["2", "10", "0", "2"]
    assert test.labels == train.labels


def test_a_number_beside_texts_that_are_other_words_is_refused():
    file("train", ["b", "a"])
    file("test", [0, 1])
    refused("own/test.parquet has numbers for labels, as 0, and other files have texts, as 'a'", **OWN)


def test_a_file_without_a_row_and_labels_below_0_alone_say_so():
    file(
        "train",
        pa.array([], pa.int64()),
        image=pa.array([], pa.struct({"bytes": pa.binary(), "path": pa.string()})),
    )
    file("test", [0])
    refused("own/train.parquet has no row, and so no image", **OWN)
    file("train", [-1, -1])
    refused("own/train.parquet, row 0 has the label -1, and labels count from 0", **OWN)


def test_labels_that_are_identifiers_are_no_classes_where_they_are_ignored():
    file("train", [20240101, 2**40])
    file("test", [20240102, 7])
    assert read(ignore_labels=True, **OWN)[2] == ["image"]
    refused("at most 100,000 classes are read", **OWN)


@pytest.mark.parametrize("names", [["train-full", "train-small"], ["train-2019", "train-2021"],
                                   ["train-part1", "train-part3"], ["train-a", "train-b"]])  # fmt: skip
def test_files_of_which_nobody_says_that_they_are_pieces_are_refused(names):
    for name in (*names, "test"):
        file(name, [0, 1])
    refused("own holds train-", **OWN)


def test_pieces_may_say_what_they_are():
    for k, name in enumerate(("train-part1", "train-part2", "test")):
        file(name, [0, 1], 10 * k)
    assert pixels(read(**OWN)[0]) == [0, 1, 10, 11]


@pytest.mark.parametrize("missing", [None, ""])
def test_a_text_that_is_missing_or_empty_is_refused_by_its_row(missing):
    file("train", ["a", missing])
    file("test", ["a"])
    refused("own/train.parquet, row 1 has no label", **OWN)
    assert labels_from_parquet(Path("own/train.parquet"))[0].labels == [0, -1]


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ([0.5], "say so with numbers: [label]"),
        ([True], "integers from 0, or texts"),
        ([datetime.date(2020, 1, 1)], "is a date32[day], and classes must be integers from 0, or texts"),
        ([datetime.datetime(2020, 1, 1)], "is a timestamp[us], and classes must be"),
        ([Decimal("1.5")], "integers from 0, or texts"),
        ([[1, 0]], "is a list<element: int64>, and one label for each image is read"),
        ([{"a": 1}], "one label for each image is read"),
        ([b"cat"], "is a binary, and classes must be integers from 0, or texts"),
    ],
)
def test_labels_of_other_types_are_refused_with_what_leads_on(labels, says):
    file("train", labels)
    file("test", labels)
    refused(says, **OWN)
    if "say so with numbers" in says:
        assert read(**OWN, numbers=["label"])[2] == ["image"]
    else:
        refused("own/train.parquet: `label` is a ", **OWN)


def image_of(kind: pa.DataType, contents: list[bytes]) -> pa.Array:
    if pa.types.is_dictionary(kind):
        values = pa.array(contents, kind.value_type).dictionary_encode()
    elif pa.types.is_nested(kind):
        values = pa.array([list(content) for content in contents], kind)
    else:
        values = pa.array(contents, kind)
    return pa.StructArray.from_arrays([values], ["bytes"])


LENGTH = len(picture(3))


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.uint8()),
        pa.large_list(pa.uint8()),
        pa.list_(pa.uint8(), LENGTH),
        pa.binary(LENGTH),
        pa.dictionary(pa.int32(), pa.binary()),
        pa.dictionary(pa.int8(), pa.large_binary()),
        pa.binary_view(),
    ],
)
def test_bytes_are_read_in_every_type_that_holds_them(kind):
    contents = [picture(k) for k in (3, 4, 3)]
    assert {len(content) for content in contents} == {LENGTH}
    file("train", [0, 0, 0], image=image_of(kind, contents))
    file("test", [0, 0, 0], image=image_of(kind, contents))
    assert pixels(read(**OWN)[0]) == [3, 4, 3]


def test_an_image_that_is_missing_in_a_list_of_numbers_is_refused_by_its_row():
    values = pa.array([list(picture(1)), None], pa.list_(pa.uint8()))
    file("train", [0, 0], image=pa.StructArray.from_arrays([values], ["bytes"]))
    file("test", [0])
    refused("own/train.parquet, row 1 has no image bytes", **OWN)


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (["x"], "`image` is a string. It must be a struct of bytes and path."),
        ([b"x"], "`image` is a binary. It must be a struct of bytes and path."),
        ([{"path": "x"}], "`image` is a struct<path: string>. It must be a struct"),
        ([{"bytes": "x"}], "in the struct `image`, `bytes` is a string. It must be binary"),
        (
            [{"bytes": [1, 2]}],
            "in the struct `image`, `bytes` is a list<element: int64>. It must be binary",
        ),
    ],
)
def test_images_of_other_types_are_refused_by_what_is_wrong_with_them(image, says):
    file("train", [0], image=pa.array(image))
    file("test", [0])
    refused(f"own/train.parquet: {says}", **OWN)


@pytest.mark.parametrize("what", ["path", "label"])
def test_a_text_that_is_not_utf_8_is_refused_by_its_file_and_row(what):
    wrong = pa.StringArray.from_buffers(2, *pa.array([b"a", b"\xe9"], pa.binary()).buffers()[1:])
    contents = pa.array([picture(0), picture(1)])
    paths = wrong if what == "path" else pa.array(["a", "b"])
    image = pa.StructArray.from_arrays([contents, paths], ["bytes", "path"])
    file("train", wrong if what == "label" else pa.array(["a", "b"]), image=image)
    file("test", ["a"])
    refused(rf"own/train.parquet, row 1: its {what} is no text in UTF-8, near \xe9", **OWN)
