"""New images: which files of a folder are taken, and in which order."""

import shutil
from pathlib import Path

import pytest
from helpers.dataset import picture, read, write

from jointnn.data.new_images import find_images
from jointnn.errors import UserError


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_images_of_a_folder_come_in_the_order_of_a_source():
    for split in ("train", "test"):
        for name in ("a", "a-b", "a/deep", "b"):
            for number in (1, 2, 10):
                write(f"own/{split}/{name}/{number}.png", picture(number))
    source = read(source="class_folders", path="own", classes=["a", "a-b", "b"])[1]
    assert [image.name for image in find_images(["own/test"]).images] == source.places
    assert [image.read() for image in find_images(["own/test"]).images] == source.content


def test_hidden_files_do_not_count_and_others_are_counted():
    for name in ("1.png", "2.JPEG", ".3.png", ".git/4.png", "5.txt", "deep/6.txt", "notes"):
        write(f"photos/{name}", picture(1))
    found = find_images(["photos"])
    assert [image.name for image in found.images] == ["photos/1.png", "photos/2.JPEG"]
    assert [(of["kind"], of["count"]) for of in found.left_out.entries()] == [
        (".txt", 2),
        ("folder .git", 1),
        ("hidden", 1),
        ("without an ending", 1),
    ]


def test_a_file_that_is_named_is_taken_whatever_its_name():
    write("photos/1.png", picture(1))
    write("scan", picture(2))
    found = find_images(["scan", Path("photos"), "photos/1.png"])
    assert [image.name for image in found.images] == ["scan", "photos/1.png", "photos/1.png"]
    assert [image.below for image in found.images] == ["scan", "1.png", "1.png"]


def test_an_archive_gives_what_its_folder_gives():
    for name in ("b/1.png", "a/2.png"):
        write(f"photos/{name}", picture(int(name[2])))
    shutil.make_archive("packed", "gztar", "photos")
    folder, archive = find_images(["photos"]).images, find_images(["packed.tar.gz"]).images
    assert [image.below for image in archive] == [image.below for image in folder] == ["a/2.png", "b/1.png"]
    assert [image.read() for image in archive] == [image.read() for image in folder]
    assert archive[0].name == "packed.tar.gz/a/2.png"


def test_a_file_that_has_gone_is_refused_when_it_is_read():
    path = write("photos/1.png", picture(1))
    (image,) = find_images(["photos"]).images
    path.unlink()
    with pytest.raises(UserError, match=r"photos/1\.png could not be read: No such file"):
        image.read()
