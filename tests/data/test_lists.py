"""Lists of images: UTF-8 whatever the computer is set to, and what is wrong is said of the right list."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.dataset import ROOT, picture, pixels, read, refused, write

from jointnn.data.schema import DatasetParams
from jointnn.data.source import source_of

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
