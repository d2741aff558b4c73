"""From a source to the arrays that training reads: the stages fetch and prepare, in a folder."""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from helpers.dataset import MIRROR, parquet, picture, two_classes, write

from jointnn.data.digests import source_digest
from jointnn.data.images import decode, encode_png
from jointnn.data.parquet import from_parquet
from jointnn.data.schema import DatasetParams
from jointnn.errors import UserError
from jointnn.io import files, paths
from jointnn.io.tensors import read_tensors
from jointnn.jobs.specs import FetchJob, PrepareJob
from jointnn.stages import fetch, prepare


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOINTNN_MIRROR", raising=False)


def fetch_own(**fields) -> dict:
    """Fetch the dataset `own` and return its manifest."""
    source = DatasetParams(**{"source": "class_folders", "path": "own", **fields}).model_dump()
    fetch.run(FetchJob(dataset="own", source=source))
    return json.loads(Path("data/raw/own/manifest.json").read_text())


def prepare_own(size: int = 4, channels: int = 1) -> tuple[dict, dict]:
    prepare.run(PrepareJob(dataset="own", size=size, channels=channels, fit="crop", mirrored=False))
    return read_tensors(f"data/prepared/own-{size}.safetensors")


def test_turned_images_keep_their_labels_names_and_order_and_only_pixels_change():
    random = np.random.default_rng(0)
    for place in ("train/cat/0", "train/cat/1", "train/dog/2", "test/cat/3", "test/dog/4"):
        write(f"own/{place}.png", encode_png(random.integers(0, 256, (5, 5), dtype=np.uint8)))
    usual = fetch_own()
    straight = from_parquet(files.read_bytes("data/raw/own/train.parquet"), "x", [])[0]
    turned = fetch_own(rotate=90)
    quarter = from_parquet(files.read_bytes("data/raw/own/train.parquet"), "x", [])[0]
    assert (quarter.labels, quarter.names) == (straight.labels, straight.names)
    for before, after in zip(straight.content, quarter.content, strict=True):
        assert np.array_equal(np.asarray(decode(after, "x")), np.rot90(np.asarray(decode(before, "x"))))
    assert turned["splits"]["train"]["images_per_class"] == usual["splits"]["train"]["images_per_class"]
    assert turned["source"]["rotate"] == 90 and "rotate" not in usual["source"]


def written() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path("data").rglob("*") if path.is_file()}


def test_the_manifest_says_what_was_fetched_and_from_which_files():
    two_classes("own")
    manifest = fetch_own(licence="CC0")
    assert (manifest["dataset"], manifest["licence"], manifest["classes"]) == ("own", "CC0", ["cat", "dog"])
    assert manifest["origin"] == "own class folders: own"
    assert manifest["source"] == {"source": "class_folders", "path": "own", "licence": "CC0"}
    for split in ("train", "test"):
        entry = manifest["splits"][split]
        assert (entry["images"], entry["images_per_class"]) == (4, {"cat": 2, "dog": 2})
        assert entry["sha256"] == files.sha256_of_file(f"data/raw/own/{split}.parquet")
    source_files = manifest["source_files"]
    assert len(source_files) == 8
    assert all(files.sha256_of_file(name) == value for name, value in source_files.items())


def test_fetched_files_have_the_layout_that_own_parquet_files_are_read_in():
    two_classes("own")
    fetch_own()
    before = written()
    fetch_own(source="parquet", path="data/raw/own")
    assert written()["data/raw/own/train.parquet"] == before["data/raw/own/train.parquet"]


def test_prepared_files_hold_uint8_images_int64_labels_and_say_what_they_are():
    two_classes("own")
    fetch_own()
    tensors, header = prepare_own(size=3)
    assert (tensors["images"].dtype, tensors["images"].shape) == (np.uint8, (4, 1, 3, 3))
    assert tensors["images"][:, 0, 1, 1].tolist() == [0, 1, 2, 3]
    assert (tensors["labels"].dtype, tensors["labels"].tolist()) == (np.int64, [0, 0, 1, 1])
    assert header == {
        "kind": "images",
        "dataset": "own",
        "split": "train",
        "size": "3",
        "channels": "1",
        "classes": '["cat", "dog"]',
        "source": "own class folders: own",
    }
    test, header = read_tensors("data/prepared/own-3-test.safetensors")
    assert test["images"][:, 0, 1, 1].tolist() == [100, 101, 102, 103]
    assert header["split"] == "test"


def test_equal_inputs_give_equal_bytes():
    two_classes("own")
    fetch_own()
    prepare_own()
    before = written()
    for path in before:
        Path(path).unlink()
    fetch_own()
    prepare_own()
    assert written() == before
    assert len(before) == 5


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no image at all", "is no image of a known format"),
        (b"", "is empty: it has no byte"),
        (encode_png(np.zeros((50, 50), np.uint8))[:-30], "is damaged"),
        (encode_png(np.zeros((50, 50), np.uint8)).replace(b"IDATx", b"IDATy"), "is damaged"),
    ],
)
def test_a_damaged_image_is_refused_by_name_and_nothing_is_left_for_training(content, reason):
    two_classes("own")
    write("own/train/dog/8.png", content)
    with pytest.raises(UserError, match=rf"^own/train/dog/8.png {reason}"):
        fetch_own()
    assert written() == {}


def test_a_damaged_image_in_the_test_split_or_in_a_parquet_file_is_refused_too():
    two_classes("own")
    write("own/test/dog/8.jpg", b"\xff\xd8\xff\xe0 cut off")
    with pytest.raises(UserError, match=r"own/test/dog/8\.jpg is damaged"):
        fetch_own()
    assert written() == {}
    write("p/train.parquet", parquet([0, 1], ["a", "b"]).replace(picture(1), picture(1)[:-9] + b"x" * 9))
    write("p/test.parquet", parquet([0, 1], ["a", "b"]))
    with pytest.raises(UserError, match=r"p/train\.parquet, row 1 is damaged"):
        fetch_own(source="parquet", path="p")


def test_an_image_of_absurd_size_is_refused_without_decoding_it():
    two_classes("own")
    content = encode_png(np.zeros((2, 2), np.uint8))
    header = b"IHDR" + struct.pack(">II", 30_000, 20_000) + content[24:29]
    sized = content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]
    write("own/train/cat/large.png", sized)
    with pytest.raises(UserError, match=r"large\.png has 30000 x 20000 pixels, and at most 250,000,000"):
        fetch_own()


def test_sources_that_changed_after_the_workflow_was_read_are_refused():
    two_classes("own")
    params = DatasetParams(source="class_folders", path="own")
    job = FetchJob(dataset="own", source=params.model_dump(), source_digest=source_digest(params))
    fetch.run(job)
    write("own/train/cat/new.png", picture(5))
    with pytest.raises(UserError, match="own: the files of its source changed"):
        fetch.run(job)


def test_prepare_refuses_files_that_the_manifest_does_not_describe():
    with pytest.raises(UserError, match=r"data/raw/own/manifest\.json could not be read"):
        prepare_own()
    two_classes("own")
    fetch_own()
    write("data/raw/own/test.parquet", Path("data/raw/own/train.parquet").read_bytes())
    with pytest.raises(UserError, match=r"data/raw/own/test\.parquet is not the file"):
        prepare_own()
    Path("data/raw/own/test.parquet").unlink()
    with pytest.raises(UserError, match=r"data/raw/own/test\.parquet could not be read"):
        prepare_own()


@pytest.mark.slow
def test_two_parts_have_disjoint_images_from_the_source_to_the_arrays():
    for k in (1, 2):
        source = DatasetParams(source="optical_digits", part=f"{k}/2", pool=200).model_dump()
        fetch.run(FetchJob(dataset=f"optical_{k}", source=source))
        prepare.run(PrepareJob(dataset=f"optical_{k}", size=16, channels=1, fit="crop", mirrored=False))
    names = []
    for k in (1, 2):
        for split, count in (("train", 200), ("test", None)):
            file = Path(f"data/raw/optical_{k}/{split}.parquet")
            images, _ = from_parquet(file.read_bytes(), "")
            names += images.names
            arrays, _ = read_tensors(paths.prepared(f"optical_{k}", 16, split == "test"))
            assert len(arrays["images"]) == len(images) == (count or len(images))
    assert len(names) == len({*names}) == 1797


# --- real images ---


@pytest.mark.slow
@pytest.mark.skipif(not MIRROR.is_dir(), reason=f"no mirror folder at {MIRROR}")
@pytest.mark.parametrize("name", ["usps", "flowers", "pedestrians"])
def test_datasets_of_the_mirror_go_through_both_stages(name, monkeypatch):
    if not (MIRROR / name).is_dir():
        pytest.skip(f"the mirror has no {name}")
    monkeypatch.setenv("JOINTNN_MIRROR", str(MIRROR.resolve()))
    fetch_own(source="mirror", path=name)
    tensors, header = prepare_own(size=16, channels=3)
    assert tensors["images"].shape == (len(tensors["labels"]), 3, 16, 16)
    assert tensors["images"].std() > 10
    assert set(tensors["labels"].tolist()) == set(range(len(json.loads(header["classes"]))))
    assert header["source"] == f"{name}, from the mirror folder"
