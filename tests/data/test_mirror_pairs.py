"""A picture and its mirror image are one picture: found, and never on both sides of a draw."""

import numpy as np
import pytest
import torch
from helpers.dataset import MIRROR, write
from helpers.jobs import start_of

from jointnn.data.images import encode_png
from jointnn.data.mirror_pairs import THUMBNAIL, pictures_of
from jointnn.data.parquet import from_parquet
from jointnn.data.sampling import draw
from jointnn.data.schema import DatasetParams
from jointnn.errors import UserError
from jointnn.jobs.specs import FetchJob, PrepareJob
from jointnn.stages import fetch, prepare
from jointnn.stages.build import data_of
from jointnn.stages.prepare import to_pixels

RANDOM = np.random.default_rng(0)


def thumbnails(count: int) -> np.ndarray:
    return RANDOM.integers(0, 256, (count, 1, THUMBNAIL, THUMBNAIL)).astype(np.uint8)


def pictures_of_inria(split: str) -> np.ndarray:
    images = from_parquet((MIRROR / f"pedestrians/{split}.parquet").read_bytes(), split)[0]
    return pictures_of(to_pixels(images, THUMBNAIL, 1, "squash"), "pedestrians")


def test_mirror_images_are_found_wherever_they_stand_though_compression_changed_them():
    once, mirrored = thumbnails(20), thumbnails(20)
    mirrored[5:] = np.clip(
        once[5:, ..., ::-1].astype(int) + RANDOM.integers(-1, 2, mirrored[5:].shape), 0, 255
    )
    order = RANDOM.permutation(40)
    pictures = pictures_of(np.concatenate([once, mirrored])[order], "people")
    of = pictures[np.argsort(order)]
    assert (of[5:20] == of[25:]).all()
    assert len(set(of.tolist())) == 25, "the first five have no other, nor do their places"


def test_a_symmetric_image_is_one_picture_with_itself_alone():
    images = thumbnails(3)
    images[0] = np.maximum(images[0], images[0, ..., ::-1])
    images[2] = images[1, ..., ::-1]
    assert pictures_of(images, "people").tolist() == [0, 1, 1]


def test_a_dataset_without_mirror_images_is_refused():
    with pytest.raises(UserError, match=r"people is said to be mirrored, but none of its 9 images is"):
        pictures_of(thumbnails(9), "people")


def test_from_folders_to_networks_no_picture_is_on_both_sides(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for k, pixels in enumerate(thumbnails(12)[:, 0]):
        for split, number in (("train", k), ("test", 99)):
            write(f"own/{split}/people/{number}.png", encode_png(pixels))
            write(f"own/{split}/people/{number}_mirrored.png", encode_png(pixels[:, ::-1].copy()))
    source = DatasetParams(source="class_folders", path="own", mirrored=True)
    fetch.run(FetchJob(dataset="own", source=source.of_fetch()))
    prepare.run(PrepareJob(dataset="own", size=8, channels=1, fit="crop", mirrored=source.mirrored))
    job = start_of(datasets=["own"], train_images=16, validation_images=8)
    data = data_of(job, "own", test=True, device=torch.device("cpu"))
    learned = {image.numpy().tobytes() for image in data.train.images}
    assert (len(learned), len(data.validation)) == (16, 8)
    for image in data.validation.images:
        assert image.flip(-1).numpy().tobytes() not in learned


@pytest.mark.slow
@pytest.mark.skipif(not (MIRROR / "pedestrians").is_dir(), reason="no mirror")
@pytest.mark.parametrize("split", ["train", "test"])
def test_every_photo_of_inria_has_its_mirror_image_and_no_draw_takes_them_apart(split):
    pictures = pictures_of_inria(split)
    assert np.bincount(pictures).tolist() == [2] * (len(pictures) // 2)
    labels, half = np.zeros(len(pictures), np.int64), len(pictures) // 4
    train, validation = draw(labels, 0, "pedestrians", None, half, torch.from_numpy(pictures))
    assert not set(pictures[train].tolist()) & set(pictures[validation].tolist())


@pytest.mark.slow
@pytest.mark.skipif(not (MIRROR / "pedestrians").is_dir(), reason="no mirror")
def test_untold_64_per_cent_of_the_validation_of_walking_small_had_its_mirror_image_in_training():
    pictures = pictures_of_inria("train")
    labels = np.zeros(len(pictures), np.int64)
    train, validation = draw(labels, 1000, "pedestrians", 1200, 400)
    assert np.isin(pictures[validation], pictures[train]).mean() == 0.64
