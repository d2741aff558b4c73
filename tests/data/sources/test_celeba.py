"""CelebA by torchvision's loader, on a small tree in the official format."""

import hashlib

import numpy as np
import pytest
from torchvision.datasets import CelebA

from jointnn.data.images import encode_png
from jointnn.data.schema import DatasetParams
from jointnn.data.source import Splits, source_of
from jointnn.data.sources import celeba
from jointnn.errors import UserError

ATTRIBUTES = ["Male", "Smiling"]
SPLITS = [0, 0, 1, 1, 2, 2]  # train, valid, test


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Six faces, every second one Male, and torchvision's checksums those of this tree."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOINTNN_MIRROR", raising=False)
    celeba.PHOTOS.mkdir(parents=True)
    names = [f"{k:06d}.jpg" for k in range(1, 7)]
    for k, name in enumerate(names):
        (celeba.PHOTOS / name).write_bytes(encode_png(np.full((22, 18, 3), 40 * k, np.uint8)))
    rows = {
        "list_attr_celeba.txt": [
            "6", " ".join(ATTRIBUTES) + " ", *(f"{n} {2 * (k % 2) - 1:2d}  1" for k, n in enumerate(names))
        ],
        "identity_CelebA.txt": [f"{name} 7" for name in names],
        "list_bbox_celeba.txt": ["6", "image_id x_1 y_1", *(f"{name}  1  2" for name in names)],
        "list_landmarks_align_celeba.txt": ["6", "lefteye_x", *(f"{name} 5" for name in names)],
        "list_eval_partition.txt": [f"{name} {split}" for name, split in zip(names, SPLITS, strict=True)],
    }  # fmt: skip
    for name, lines in rows.items():
        (celeba.FOLDER / name).write_text("\n".join(lines) + "\n")
    official = {name: checksum for _, checksum, name in CelebA.file_list if name.endswith(".txt")}
    assert official == celeba.CELEBA_MD5
    sums = {name: hashlib.md5((celeba.FOLDER / name).read_bytes()).hexdigest() for name in rows}
    monkeypatch.setattr(CelebA, "file_list", [("", checksum, name) for name, checksum in sums.items()])
    return celeba.FOLDER


def read(**fields) -> Splits:
    return source_of(DatasetParams(source="celeba", **fields)).read()


def test_faces_are_read_in_the_official_split_as_one_class(tree):
    found = read()
    assert found.classes == ["face"]
    assert found.train.names == [f"00000{k}.jpg" for k in (1, 2, 3, 4)]
    assert found.test.names == ["000005.jpg", "000006.jpg"]
    assert set(found.train.labels) == {0}
    assert found.train.content[2] == encode_png(np.full((22, 18, 3), 80, np.uint8))


def test_an_attribute_is_the_label(tree):
    found = read(attribute="Male")
    assert found.classes == ["not Male", "Male"]
    assert found.train.labels == [0, 1, 0, 1]
    assert found.test.labels == [0, 1]


def test_an_attribute_that_is_not_there_is_refused_with_those_that_are(tree):
    with pytest.raises(UserError, match=r"CelebA has no attribute 'Bald'\. Its attributes: Male, Smiling"):
        read(attribute="Bald")


def test_another_list_or_none_says_how_to_place_the_files(tree):
    (tree / "list_attr_celeba.txt").write_text("1\n")
    with pytest.raises(
        UserError, match=r"one of its lists is not the official file\. Place there the folder img_al"
    ):
        read()


def test_a_photo_that_is_listed_but_not_there_is_named(tree):
    (celeba.PHOTOS / "000004.jpg").unlink()
    with pytest.raises(UserError, match=r"names 000004.jpg, which is not in data/.*img_align_celeba"):
        read()


def test_an_attribute_is_for_celeba_alone():
    with pytest.raises(UserError, match="The source optical_digits takes no `attribute`"):
        source_of(DatasetParams(source="optical_digits", attribute="Male"))


def test_an_attribute_does_not_go_with_a_mirror_that_has_labels_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("JOINTNN_MIRROR", str(tmp_path))
    (tmp_path / "celeba").mkdir()
    for split in ("train", "test"):
        (tmp_path / "celeba" / f"{split}.parquet").touch()
    with pytest.raises(
        UserError, match="attribute: 'Male' is read from the official files, but the mirror"
    ):
        read(attribute="Male")
