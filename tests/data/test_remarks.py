"""Remarks on images to know before a score is believed: one class, rare classes, pictures twice."""

import io
from pathlib import Path

import numpy as np
import pytest
from helpers.dataset import picture, write
from PIL import Image

from jointnn.data.images import decode, encode_png
from jointnn.data.left_out import in_words
from jointnn.data.remarks import OF_DUPLICATES, remarks
from jointnn.data.remarks import picture as content
from jointnn.data.schema import DatasetParams
from jointnn.data.source import Images
from jointnn.errors import UserError
from jointnn.io.files import read_json
from jointnn.jobs.specs import FetchJob, InventoryJob
from jointnn.stages import fetch, inventory


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOINTNN_MIRROR", raising=False)


def images(*of: tuple[int, int], numbers: bool = False) -> Images:
    """A picture of a value with its label, each."""
    made = Images()
    for k, (value, label) in enumerate(of):
        one = (float(label),) if numbers else None
        made.add(picture(value), 0 if numbers else label, f"{'abcdefgh'[k]}.png", "", one)
    return made


def said(train: Images, test: Images, classes: str = "xy") -> dict[str, str]:
    of = tuple([content(decode(one, "")) for one in split.content] for split in (train, test))
    return remarks(train, test, of, list(classes))


def test_nothing_is_said_of_pictures_that_are_there_once_and_classes_with_several():
    assert said(images((1, 0), (2, 0), (3, 1), (4, 1)), images((5, 0), (6, 0), (7, 1), (8, 1))) == {}


def test_a_picture_in_training_and_test_is_said_with_its_names():
    train = images((1, 0), (2, 0), (3, 1), (4, 1))
    found = said(train, images((3, 1), (5, 0), (6, 0), (2, 0), (7, 1)))
    assert found == {
        "in training and test": "2 of 5 test images are training images, too, "
        "pixel for pixel in the 8 bits that networks see (b.png = d.png, c.png = a.png): the test asks for "
        "memory."
    }


def test_a_picture_of_two_classes_or_numbers_is_said():
    found = said(images((1, 0), (2, 0), (1, 1), (4, 1)), images((5, 0), (6, 0), (7, 1), (8, 1)))
    assert found["different labels"].startswith(
        "1 picture is of different classes, pixel for pixel in the 8 bits that networks see (a.png = c.png)"
    )
    assert found.keys() == {"different labels", "more than once"}
    found = said(images((1, 4), (2, 4), numbers=True), images((1, 5), (6, 0), numbers=True))
    assert found.keys() == {"in training and test", "different labels"}
    assert "different numbers" in found["different labels"]
    same = said(images((1, 4), (2, 4), numbers=True), images((1, 4), (6, 0), numbers=True))
    assert same.keys() == {"in training and test"}


def test_a_picture_twice_in_training_is_said_and_twice_in_the_test_is_not():
    ones = ((1, 0), (2, 0), (3, 1), (4, 1))
    assert said(images(*ones, (1, 0)), images((5, 0), (6, 0), (7, 1), (8, 1))).keys() == {"more than once"}
    assert said(images(*ones), images((5, 0), (6, 0), (7, 1), (8, 1), (7, 1))) == {}


def test_one_class_and_classes_with_one_image_or_none_for_the_test_are_said():
    one = said(images((1, 0), (2, 0)), images((3, 0)), "x")
    assert one == {
        "one class": "All images are of one class, 'x': a classification of them is always right."
    }
    found = said(images((1, 0), (2, 1), (3, 1)), images((4, 1), (5, 1)))
    assert found == {
        "rare classes": "Classes with one image for training and validation: 'x'; "
        "with no image for the test: 'x'."
    }
    many = images(*((k, k) for k in range(8)))
    told = said(many, images(*((k + 10, k // 4) for k in range(8))), "abcdefgh")["rare classes"]
    assert (
        "one image for training and validation: 'a', 'b', 'c' and 5 more; with no image for the test"
        in told
    )


def encoded(name: str, **options) -> bytes:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, name, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "options"),
    [("BMP", {}), ("TIFF", {}), ("PPM", {}), ("PNG", {"compress_level": 0}), ("WEBP", {"lossless": True})],
)
def test_a_picture_is_the_same_however_it_is_encoded(name, options):
    assert content(decode(encoded(name, **options), "")) == content(decode(encoded("PNG"), ""))


def test_pictures_of_other_pixels_or_another_shape_are_others():
    ones = [np.zeros((2, 8), np.uint8), np.zeros((8, 2), np.uint8), np.zeros((4, 4), np.uint8)]
    ones += [np.eye(4, dtype=np.uint8), 255 * np.eye(4, dtype=np.uint8)[::-1]]
    assert len({content(Image.fromarray(one)) for one in ones}) == len(ones)


def test_pictures_of_16_bits_are_compared_as_networks_see_them_and_the_sentence_says_so():
    made = {value: encode_png(np.full((4, 4), value, np.uint16)) for value in (1000, 1001, 1300, 257)}
    shown = {value: int(np.asarray(decode(one, ""))[0, 0]) for value, one in made.items()}
    assert shown == {1000: 4, 1001: 4, 1300: 5, 257: 1}
    train, test = Images(), Images()
    for name, value in (("a", 1000), ("b", 1300)):
        train.add(made[value], 0, name, "")
    for name, value in (("c", 1001), ("d", 257)):
        test.add(made[value], 0, name, "")
    assert said(train, test)["in training and test"] == (
        "1 of 2 test images are training images, too, pixel for pixel in the 8 bits that networks see "
        "(a = c): the test asks for memory."
    )


# --- where it is said ---


def folders(test: int) -> None:
    for k in range(4):
        write(f"own/train/{'ab'[k % 2]}/{k}.png", picture(k))
        write(f"own/test/{'ab'[k % 2]}/{k}.png", picture(k + test))


def fetched(**fields) -> dict:
    source = DatasetParams(source="class_folders", path="own", **fields)
    fetch.run(FetchJob(dataset="own", source=source.of_fetch()))
    return read_json("data/raw/own/manifest.json")


def test_fetch_says_it_at_its_end_and_in_the_manifest(capsys):
    folders(test=2)
    write("own/train/a/notes.txt", "x")
    write("own/val/a/9.png", picture(99))
    frames = [Image.new("L", (5, 4), k) for k in (200, 210, 220)]
    frames[0].save("own/train/a/scan.tif", save_all=True, append_images=frames[1:])
    manifest = fetched()
    assert manifest["remarks"].keys() == {"in training and test", "joined"}
    assert "2 of 4 test images are training images, too" in manifest["remarks"]["in training and test"]
    assert [(of["kind"], of["count"], of["first"]) for of in manifest["left_out"]] == [
        ("of TIFF", 2, "train/a/scan.tif"),
        (".txt", 1, "own/train/a/notes.txt"),
    ]
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"own: left out: {in_words(manifest['left_out'])}."
    assert lines[:-1] == [f"own: {sentence}" for sentence in manifest["remarks"].values()]


def test_the_inventory_that_is_versioned_keeps_what_was_said():
    folders(test=2)
    write("own/train/a/notes.txt", "x")
    manifest = fetched()
    inventory.run(InventoryJob(experiment="toy", datasets=["own"]))
    kept = read_json("data/inventories/toy.json")["own"]
    assert all(kept[key] == manifest[key] for key in ("left_out", "remarks"))


@pytest.mark.parametrize("asked", [{}, {"ignore_labels": True}, {"only_class": "b"}])
def test_nothing_is_said_of_images_of_which_there_is_nothing_to_say(asked, capsys):
    folders(test=10)
    assert not {"remarks", "left_out"} & fetched(**asked).keys()
    assert capsys.readouterr().out == ""


def test_duplicates_are_refused_where_a_dataset_asks_for_it_and_nothing_is_written():
    folders(test=2)
    with pytest.raises(
        UserError, match=r"own: 2 of 4 test images .*`refuse: duplicates` allows none"
    ) as error:
        fetched(refuse="duplicates")
    assert "\n" not in str(error.value)
    assert not Path("data/raw/own").exists()
    folders(test=10)
    assert fetched(refuse="duplicates")["splits"]["test"]["images"] == 4


def test_refusing_duplicates_is_a_setting_of_fetch_and_leaves_other_datasets_as_they_were():
    usual = DatasetParams(source="class_folders", path="own").of_fetch()
    assert "refuse" not in usual
    asked = DatasetParams(source="class_folders", path="own", refuse="duplicates").of_fetch()
    assert asked == {**usual, "refuse": "duplicates"}
    assert len(OF_DUPLICATES) == 3
