"""Dogs, Flowers and Cars, whose lists are MATLAB files, on small files in the official format."""

from pathlib import Path

import numpy as np
import pytest
from helpers.dataset import picture, pixels, read, refused, write
from helpers.fine_grained import DOWNLOADS, archive, cells, mat, place

from jointnn.data.digests import ABSENT, source_digest
from jointnn.data.schema import DatasetParams
from jointnn.data.source import source_of
from jointnn.data.sources import stanford_cars


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOINTNN_MIRROR", raising=False)


# --- Stanford Dogs: MATLAB lists in one archive, images in another ---


def dogs(images: list[str], labels: list) -> bytes:
    return mat(file_list=cells(images), labels=np.array(labels)[:, None], annotation_list=cells(images))


def dog_lists(train: bytes | None = None) -> bytes:
    """Three dogs of two breeds; the list of the whole is not read."""
    train = train or dogs(["n02085620-Chihuahua/n1.jpg", "n02099601-golden/n2.jpg"], [1.0, 2.0])
    test = dogs(["n02099601-golden/n3.jpg"], [2.0])
    return archive({"file_list.mat": b"", "train_list.mat": train, "test_list.mat": test}, "w")


DOG_IMAGES = archive(
    {
        "Images/n02085620-Chihuahua/n1.jpg": picture(1),
        "Images/n02099601-golden/n2.jpg": picture(2),
        "Images/n02099601-golden/n3.jpg": picture(3),
        "Images/n02099601-golden/unlisted.jpg": picture(4),
    },
    "w",
)


def test_dogs_are_named_by_their_folders_in_the_order_of_their_labels(monkeypatch):
    place("stanford_dogs", monkeypatch, DOG_IMAGES, dog_lists())
    train, test, classes = read(source="stanford_dogs")
    assert classes == ["n02085620-Chihuahua", "n02099601-golden"]
    assert (train.labels, pixels(train), test.labels, pixels(test)) == ([0, 1], [1, 2], [1], [3])


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (b"MATLAB 5.0 MAT-file, cut", "train_list.mat is no sound MATLAB file"),
        (mat(file_list=cells(["a/b.jpg"])), "train_list.mat has no variable 'labels'; it has file_list"),
        (dogs(["n02085620-Chihuahua/n1.jpg"], [1.0, 2.0]), "has 1 images, but 2 labels"),
        (
            dogs(["n02085620-Chihuahua/n9.jpg"], [1.0]),
            "n9.jpg, which is not in data/downloads/stanford_dogs/",
        ),
        (dogs(["n02085620-Chihuahua/n1.jpg"], [1.5]), "train_list.mat, image 1: 1.5 is no whole number"),
        (dogs(["n02085620-Chihuahua/n1.jpg"], [2]), "has the label 2.0, as n02085620-Chihuahua has"),
        (dogs(["n02085620-Chihuahua/n1.jpg"], [0]), "has the label -1, but the 2 classes"),
    ],
)
def test_dogs_with_a_wrong_list_are_refused(train, message, monkeypatch):
    place("stanford_dogs", monkeypatch, DOG_IMAGES, dog_lists(train))
    refused(message, source="stanford_dogs")


# --- Flowers-102: MATLAB files with the label and the split of numbered images ---


def place_flowers(monkeypatch, labels=(2, 1, 102, 1, 1, 2), **ids: list) -> None:
    numbers = {"trnid": [2, 4], "valid": [1, 6], "tstid": [5, 3]} | ids
    place(
        "flowers_102",
        monkeypatch,
        archive({f"jpg/image_{i:05d}.jpg": picture(i) for i in range(1, 7)}, "w:gz"),
        mat(labels=np.array([labels], np.uint8)),
        mat(**{name: np.array([value]) for name, value in numbers.items()}),
    )


def test_flowers_train_and_validation_images_are_one_and_names_are_those_of_torchvision(monkeypatch):
    place_flowers(monkeypatch)
    flowers = source_of(DatasetParams(source="flowers_102")).read()
    assert (pixels(flowers.train), flowers.train.labels) == ([2, 4, 1, 6], [0, 0, 1, 1])
    assert (pixels(flowers.test), flowers.test.labels) == ([5, 3], [0, 101])
    assert (len(flowers.classes), flowers.classes[1]) == (102, "hard-leaved pocket orchid")
    train, test, classes = read(source="flowers_102", first_classes=2)
    assert (train.labels, test.labels, len(classes)) == ([0, 0, 1, 1], [0], 2)


def test_flowers_are_read_as_torchvision_reads_them(monkeypatch):
    from torchvision.datasets import Flowers102

    place_flowers(monkeypatch)
    root = Path("theirs/flowers-102")
    for name in ("imagelabels.mat", "setid.mat"):
        write(f"{root}/{name}", Path(DOWNLOADS, "flowers_102", name).read_bytes())
    (root / "jpg").mkdir()
    monkeypatch.setattr(Flowers102, "_check_integrity", lambda _: True)
    theirs = [Flowers102("theirs", split) for split in ("train", "val", "test")]
    ours = source_of(DatasetParams(source="flowers_102")).read()
    assert ours.train.labels == theirs[0]._labels + theirs[1]._labels
    assert ours.test.labels == theirs[2]._labels
    assert [Path(name).name for name in ours.test.names] == [file.name for file in theirs[2]._image_files]


def test_flowers_with_wrong_numbers_are_refused(monkeypatch):
    place_flowers(monkeypatch, trnid=[9])
    refused("setid.mat: trnid names image 9, but", source="flowers_102")
    place_flowers(monkeypatch, labels=[1] * 7, trnid=[7])
    refused("names jpg/image_00007.jpg, which is not in", source="flowers_102")
    place_flowers(monkeypatch, labels=(1, 0, 1, 1, 1, 1))
    refused("has the label -1, but the 102 classes", source="flowers_102")


# --- Stanford Cars: folders and MATLAB files, placed by hand ---

CARS = Path(DOWNLOADS) / "stanford_cars"


def car_list(rows: list[tuple[str, int]], label: str = "class") -> bytes:
    """A structure per image, with its box, class and file."""
    kinds = [("bbox_x1", object), (label, object), ("fname", object)]
    return mat(annotations=np.array([(30, number, file) for file, number in rows], kinds)[None])


def place_cars(monkeypatch) -> None:
    write(f"{CARS}/devkit/cars_meta.mat", mat(class_names=cells(["AM General Hummer", "Acura RL"]).T))
    write(f"{CARS}/devkit/cars_train_annos.mat", car_list([("00001.jpg", 2), ("00002.jpg", 1)]))
    write(f"{CARS}/cars_test_annos_withlabels.mat", car_list([("00001.jpg", 1), ("00002.jpg", 1)]))
    for i, split in enumerate(("train", "test")):
        for j in (1, 2):
            write(f"{CARS}/cars_{split}/0000{j}.jpg", picture(10 * i + j))
    monkeypatch.setattr(stanford_cars, "IMAGES", {"cars_train": 2, "cars_test": 2})


def test_cars_are_read_as_torchvision_reads_them(monkeypatch):
    from torchvision.datasets import StanfordCars

    place_cars(monkeypatch)
    train, test, classes = read(source="stanford_cars")
    assert classes == ["AM General Hummer", "Acura RL"]
    assert (train.labels, pixels(train), test.labels, pixels(test)) == ([1, 0], [1, 2], [0, 0], [11, 12])
    for ours, split in ((train, "train"), (test, "test")):
        theirs = StanfordCars(DOWNLOADS, split)
        assert theirs.classes == classes
        assert [(Path(file).name, label) for file, label in theirs._samples] == [
            *zip(ours.names, ours.labels, strict=True)
        ]


def test_cars_say_which_files_to_place_where(monkeypatch):
    assert source_digest(DatasetParams(source="stanford_cars")) == ABSENT
    refused(
        "devkit/cars_meta.mat is missing, and the official address of Stanford Cars", source="stanford_cars"
    )
    refused("Place a copy in data/downloads/stanford_cars: the folders", source="stanford_cars")
    place_cars(monkeypatch)
    digest = source_digest(DatasetParams(source="stanford_cars"))
    write(f"{CARS}/cars_train/00001.jpg", picture(99))
    assert source_digest(DatasetParams(source="stanford_cars")) != digest != ABSENT
    (CARS / "cars_test_annos_withlabels.mat").unlink()
    refused("cars_test_annos_withlabels.mat is missing", source="stanford_cars")


def test_cars_that_are_not_the_official_ones_are_refused(monkeypatch):
    place_cars(monkeypatch)
    monkeypatch.setattr(stanford_cars, "IMAGES", {"cars_train": 2, "cars_test": 8041})
    refused("withlabels.mat lists 2 images instead of 8041", source="stanford_cars")
    (CARS / "cars_train" / "00002.jpg").unlink()
    refused("image 2 names 00002.jpg, which is not in", source="stanford_cars")
    write(f"{CARS}/devkit/cars_train_annos.mat", car_list([("00001.jpg", 2)], label="klass"))
    refused("`annotations` has no field 'class'; it has bbox_x1, klass, fname", source="stanford_cars")
    write(f"{CARS}/devkit/cars_meta.mat", b"<html>404</html>")
    refused("cars_meta.mat is no sound MATLAB file", source="stanford_cars")
