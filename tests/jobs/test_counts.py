"""How many images there are is known before anything is trained, and asking for more is a sentence."""

from pathlib import Path

import pytest
from helpers.dataset import parquet, picture, write

from jointnn.data.source import source_of
from jointnn.errors import UserError
from jointnn.io.files import read_json
from jointnn.jobs import counts
from jointnn.jobs.graph import Jobs
from jointnn.parameters.schema import Params
from jointnn.stages import fetch

IMAGES = {"oak": 3, "ash": 5}


@pytest.fixture(autouse=True)
def _in_a_folder_with_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOINTNN_MIRROR", raising=False)
    for split, more in (("train", 0), ("test", 1)):
        for name, count in IMAGES.items():
            for k in range(count):
                write(f"own/leaves/{split}/{name}/{k}.png", picture(k + more))
    lines = [
        f"leaves/train/{name}/{k}.png {y}\n" for y, name in enumerate(IMAGES) for k in range(IMAGES[name])
    ]
    write("own/list.txt", "".join(lines))
    write("own/petals/train.parquet", parquet([0] * 3 + [1] * 5, ["oak", "ash"]))
    write("own/petals/test.parquet", parquet([0, 1], ["oak", "ash"]))


FOLDERS = {"source": "class_folders", "path": "own/leaves"}
LISTED = {"source": "list_file", "path": "own/list.txt", "pool": 6}
PARQUET = {"source": "parquet", "path": "own/petals"}


def jobs_of(first: dict, second: dict | None = None, **experiment) -> Jobs:
    """The jobs of an experiment on two datasets of one's own."""
    chosen = {
        "task": "classification", "architecture": "small_conv", "datasets": ["leaves", "petals"],
        "image_size": 8, "validation_images": 2, "seeds": [0], "methods": ["isolated"], **experiment,
    }  # fmt: skip
    datasets = {"leaves": first, "petals": second or PARQUET}
    content = {"default": ["mine"], "presets": {"default": {}}, "datasets": datasets}
    return Jobs(Params.model_validate({**content, "experiments": {"mine": chosen}}))


def refusal(jobs: Jobs) -> str:
    with pytest.raises(UserError) as error:
        jobs.initialise("mine", 0)
    return str(error.value)


@pytest.mark.parametrize(
    ("source", "images", "of_classes"),
    [
        (FOLDERS, 8, {"ash": 5, "oak": 3}),
        ({**FOLDERS, "only_class": "oak"}, 3, {"oak": 3}),
        ({**FOLDERS, "part": "1/2"}, 5, {"ash": 3, "oak": 2}),
        ({**LISTED, "pool": 5}, 5, {"0": 3, "1": 2}),
        (PARQUET, 8, {"oak": 3, "ash": 5}),
        ({**PARQUET, "ignore_labels": True}, 8, {"image": 8}),
    ],
)
def test_what_is_counted_before_it_is_fetched_is_what_the_manifest_says(source, images, of_classes):
    job = jobs_of(source).fetch("leaves")
    known = counts.counts_of(job)["leaves"]
    assert (known.images, known.of_classes) == (images, of_classes)
    assert not Path("data").exists()
    fetch.run(job)
    write(job.record, job.text)
    Path(counts.KEPT).unlink()
    assert counts.counts_of(job)["leaves"] == known
    assert known.classes == read_json("data/raw/leaves/manifest.json")["classes"]


def test_labels_alone_are_read_as_the_images_are():
    for source in (FOLDERS, LISTED, PARQUET):
        chosen = source_of(jobs_of(source).params.datasets["leaves"])
        whole, told = chosen.read(), chosen.labels()
        assert (told.train.labels, told.classes) == (whole.train.labels, whole.classes)
        assert set(told.train.content) == {b""}
        assert (told.test is None) == (whole.test is None)


def test_what_was_counted_is_kept_until_the_images_change(monkeypatch):
    job = jobs_of(FOLDERS).fetch("leaves")
    before = counts.counts_of(job)
    with monkeypatch.context() as changed:
        changed.setattr(counts, "source_of", lambda _: pytest.fail("it is counted again"))
        assert counts.counts_of(job) == before
    write("own/leaves/train/oak/9.png", picture(9))
    assert counts.counts_of(jobs_of(FOLDERS).fetch("leaves"))["leaves"].images == 9


def test_nothing_is_known_of_images_that_are_not_here():
    gone = {**FOLDERS, "path": "own/gone"}
    assert counts.counts_of(jobs_of(gone).fetch("leaves")) == {}
    jobs_of(gone, gone, validation_images=700).initialise("mine", 0)


TOO_MANY = {
    "validation_images: 700 for validation and at least 1 for training are more than the 8 images of "
    "leaves that they are drawn from; lower it.": {"validation_images": 700},
    "validation_images: 4 for validation and 5 for training are more than the 8 images of leaves that they "
    "are drawn from; lower train_images or validation_images.": {"validation_images": 4, "train_images": 5},
    "labelled.petals: 7 is more than its 6 images for training; lower it, or leave it out: then all have "
    "labels.": {"labelled": {"petals": 7}},
    "validation_images: 6 leave no image to train on of the class 'oak' of leaves, which has 3: classes "
    "give one each in turn. Lower it to 4, or add images of that class.": {"validation_images": 6},
}
"""Settings of an experiment that asks for too much, by the sentence about it."""


def test_a_manifest_that_is_damaged_is_left_to_the_job_that_reads_it():
    job = jobs_of(FOLDERS).fetch("leaves")
    write(job.record, job.text)
    for content in ("", "{}", "3"):
        write("data/raw/leaves/manifest.json", content)
        Path(counts.KEPT).unlink(missing_ok=True)
        assert counts.counts_of(job)["leaves"].images == 8


@pytest.mark.parametrize("says", TOO_MANY)
def test_more_than_there_is_is_a_sentence_when_a_job_is_asked_for(says):
    assert refusal(jobs_of(FOLDERS, **TOO_MANY[says])) == f"params/experiments/mine.yaml: {says}"


def test_classes_that_no_task_reads_may_be_used_up():
    chosen = {"task": "completion", "architecture": "autoencoder", "measures": ["error"]}
    jobs_of(FOLDERS, validation_images=7, **chosen).initialise("mine", 0)
    jobs_of(FOLDERS, validation_images=5).initialise("mine", 0)


def test_a_class_without_images_is_said_before_it_is_fetched():
    assert "no training image has the class 'elm'" in refusal(
        jobs_of({**FOLDERS, "classes": ["ash", "oak", "elm"]})
    )
