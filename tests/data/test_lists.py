"""Lists of images: UTF-8 whatever the computer is set to, and what is wrong is said of the right list."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.dataset import ROOT, picture, pixels, read, refused, write

from jointnn.data.schema import DatasetParams
from jointnn.data.source import source_of
from jointnn.errors import UserError

OWN = {"source": "list_file", "path": "own"}


@pytest.fixture(autouse=True)
def _in_a_folder_with_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOINTNN_MIRROR", raising=False)
    for k, name in enumerate(("0.png", "1.png", "ä.png", "#3.png", "a b.png")):
        write(f"own/{name}", picture(k))
    write("own/test.txt", "0.png 0\n")


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_list_is_read_with_and_without_a_mark_and_with_every_end_of_lines(mark, end):
    write("own/train.txt", mark + end.join(["0.png 0", "ä.png 1", "", "# 1.png 1", "a b.png\t0", ""]))
    train, _, classes = read(**OWN)
    assert (train.names, train.labels, pixels(train)) == (
        ["0.png", "ä.png", "a b.png"],
        [0, 1, 0],
        [0, 2, 4],
    )
    assert classes == ["0", "1"]


def test_a_line_that_begins_with_the_mark_of_comments_and_names_an_image_is_that_image():
    write("own/train.txt", "# a comment 0\n#3.png 0\n#4.png 0\n")
    assert pixels(read(**OWN)[0]) == [3]
    assert Path("own/#3.png") in source_of(DatasetParams(**OWN)).files


@pytest.mark.slow
def test_a_list_is_utf_8_whatever_the_locale_says():
    write("own/train.txt", "ä.png 0\n")
    code = (
        "from helpers.dataset import pixels, read\nprint(pixels(read(source='list_file', path='own')[0]))"
    )
    there = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
        "LC_ALL": "C",
        "PYTHONCOERCECLOCALE": "0",
    }
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", code], env=there, capture_output=True, text=True, check=False
    )
    assert done.stdout == "[2]\n", done.stderr


def test_a_list_in_another_encoding_is_refused_with_what_to_do():
    for encoding in ("utf-16", "latin-1"):
        write("own/train.txt", "ä.png 0\n".encode(encoding))
        refused("own/train.txt is no text in UTF-8", **OWN)
        refused("Save it as UTF-8", **OWN)


def test_an_empty_list_is_refused_by_its_own_name():
    for text in ("", "\n\n", "# nothing yet\n", "\ufeff"):
        write("own/train.txt", text)
        write("own/test.txt", "0.png 1\n")
        refused("own/train.txt names no image. Write a line `path label` for each.", **OWN)
        write("own/train.txt", "0.png 1\n")
        write("own/test.txt", text)
        refused("own/test.txt names no image", **OWN)


def test_a_list_without_an_ending_is_read_and_one_named_without_its_ending_is_pointed_to():
    write("own/all", "0.png 0\n1.png 0\n")
    train, test, _ = read(source="list_file", path="own/all", pool=1)
    assert sorted(pixels(train) + pixels(test)) == [0, 1]
    write("own/stones.txt", "0.png 0\n")
    refused(
        "own/stones is missing. There is own/stones.txt: name that.",
        source="list_file",
        path="own/stones",
        pool=1,
    )


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
def test_a_list_in_an_encoding_of_several_bytes_is_told_so_with_and_without_a_mark(encoding):
    write("own/train.txt", "0.png 0\r\n1.png 1\r\n".encode(encoding))
    refused(f"own/train.txt is no text in UTF-8 but in {encoding[:6].upper()}. Save it as UTF-8.", **OWN)


def test_what_is_no_list_is_told_by_what_it_is():
    for content, says in (
        (picture(1), "own/train.txt is an image by its content (.png), and no list"),
        (b"\xff\xd8\xff\xe0 and more", "is an image by its content (.jpg)"),
        (b"GIF89a and more", "is an image by its content (.gif)"),
        (b"PK\3\4 and more", "own/train.txt should be a list, and is a zip archive. Unpack it"),
        (b"BZh9 and more", "own/train.txt should be a list, and is packed by bzip2. Unpack it"),
        (b"PAR1 and more", "and is a Parquet file. Name it as a source of its own (`source: parquet`)"),
        (b"<!DOCTYPE html><html>", "should be a list, and is a web page (HTML)"),
        (b"0.png\0 0\n1.png 0\n2.png 0\n", "is no text: it holds NUL bytes"),
    ):
        write("own/train.txt", content)
        refused(says, **OWN)


def test_lists_that_were_joined_with_the_mark_of_each_are_read():
    write("own/train.txt", "\ufeff0.png 0\n\ufeff1.png 1\n")
    assert read(**OWN)[0].names == ["0.png", "1.png"]


def test_a_path_with_the_separators_of_windows_is_hinted_at():
    write("own/sub/e.png", picture(7))
    write("own/train.txt", "sub\\e.png 0\n")
    refused("Folders are parted by /, so write sub/e.png in lists.", **OWN)
    write("own/train.txt", "sub/e.png 0\n")
    assert pixels(read(**OWN)[0]) == [7]
    write("own/train.txt", "sub\\none.png 0\n")
    refused("No such file or directory. Mend the line or add the image.", **OWN)


@pytest.mark.parametrize("name", ["x" * 5000, "x y " * 1300, "ä" * 3000, "#" * 5000, "x/" * 3000 + "1"])
@pytest.mark.parametrize("label", ["0", "cat"])
def test_a_long_name_is_not_printed_whole(name, label):
    write("own/train.txt", f"{name}.png {label}\n")
    if name.startswith("#"):
        return refused("own/train.txt names no image", **OWN)
    with pytest.raises(UserError, match=r"own/train\.txt, line 1") as error:
        read(**OWN)
    assert len(str(error.value)) < 700 and "..." in str(error.value)
    return None


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ([1, 2], "line 1: own/0.png has the label 1, and no image has the label 0"),
        ([2, 1], "line 1: own/0.png has the label 2, and no image has the label 0"),
        ([2019, 2020], "has the label 2019, but no image has 0, 1, 2 and 2016 more"),
        ([0, 99999], "line 2: own/1.png has the label 99999, but no image has 1, 2, 3 and 99995 more"),
        (
            [0, 2],
            "line 2: own/1.png has the label 2, but no image has 1: labels are the numbers of classes",
        ),
    ],
)
@pytest.mark.parametrize("pool", [None, 2])
def test_labels_that_do_not_count_from_0_without_gaps_are_refused_by_line_with_what_to_do(
    labels, says, pool
):
    lines = "".join(f"{k}.png {label}\n" for k, label in enumerate(labels))
    write("own/train.txt", lines)
    write("own/test.txt", lines)
    write("own/all.txt", 3 * lines)
    own = OWN if pool is None else {**OWN, "path": "own/all.txt", "pool": pool}
    refused(says, **own)
    refused(
        "subtract 1 from each" if 0 not in labels and 1 in labels else "from 0 to 1; or, if labels", **own
    )
    # Where labels mean nothing, or one of them is asked for, they may be any.
    assert read(**own, ignore_labels=True)[2] == ["image"]
    assert read(**{**own, "pool": pool and 1}, only_class=str(labels[1]))[2] == [str(labels[1])]


def test_labels_from_1_beside_names_of_classes_are_told_so():
    for split in ("train", "test"):
        write(f"own/{split}.txt", "0.png 1\n1.png 2\n")
    said = "has the label 2, but the 2 classes have the labels 0 to 1. Labels count from 0: subtract 1"
    refused(said, **OWN, classes=["oak", "ash"])
