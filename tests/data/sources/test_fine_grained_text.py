"""CUB and Aircraft, whose lists are texts in their archives, on small files in the official format."""

import tarfile
from pathlib import Path

import pytest
from helpers.dataset import parquet, picture, pixels, read, refused, write
from helpers.fine_grained import DOWNLOADS, FILES, archive, place

from jointnn.data.digests import source_digest
from jointnn.data.schema import DatasetParams
from jointnn.data.source import source_of
from jointnn.io import files, tensors
from jointnn.jobs.specs import FetchJob, PrepareJob
from jointnn.stages import fetch, prepare


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOINTNN_MIRROR", raising=False)


# --- CUB-200-2011: text files that join on the number of an image ---


def cub(**changes: str | None) -> bytes:
    """Three birds of two kinds; the third image is in the test."""
    texts = {
        "classes": "1 001.Black_footed_Albatross\n2 002.Laysan_Albatross\n",
        "images": "1 001.Black_footed_Albatross/B_1.jpg\n2 002.Laysan_Albatross/L_2.jpg\n"
        "3 002.Laysan_Albatross/L_3.jpg\n",
        "image_class_labels": "1 1\n2 2\n3 2\n",
        "train_test_split": "1 1\n2 1\n3 0\n",
    } | changes
    files: dict[str, bytes | str] = {"attributes.txt": "1 has_bill_shape::curved\n"}
    for i, name in enumerate(("001.Black_footed_Albatross/B_1", "002.Laysan_Albatross/L_2"), 1):
        files[f"CUB_200_2011/images/{name}.jpg"] = picture(i)
    files["CUB_200_2011/images/002.Laysan_Albatross/L_3.jpg"] = picture(3)
    files |= {f"CUB_200_2011/{name}.txt": text for name, text in texts.items() if text is not None}
    return archive(files, "w:gz")


def test_cub_joins_its_lists_by_the_number_of_the_image(monkeypatch):
    place("cub_200_2011", monkeypatch, cub())
    train, test, classes = read(source="cub_200_2011")
    assert classes == ["001.Black_footed_Albatross", "002.Laysan_Albatross"]
    assert (train.labels, pixels(train)) == ([0, 1], [1, 2])
    assert (test.labels, pixels(test)) == ([1], [3])
    assert test.names == ["CUB_200_2011/images/002.Laysan_Albatross/L_3.jpg"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": None}, "CUB_200_2011.tgz holds no CUB_200_2011/classes.txt. Replace it"),
        (
            {"images": "1 001.Black_footed_Albatross/B_9.jpg\n"},
            "images.txt, line 1 names CUB_200_2011/images/",
        ),
        ({"images": "1\n"}, "images.txt, line 1: '1' is not a name and its value"),
        ({"image_class_labels": "1 1\n3 2\n"}, "line 2: image 2 has no line in image_class_labels.txt"),
        ({"image_class_labels": "1 1\n2 two\n3 2\n"}, "image_class_labels.txt, line 2: 'two' is no whole"),
        ({"image_class_labels": "1 1\n2 9\n3 2\n"}, "has the label 8, but the 2 classes"),
        ({"train_test_split": "1 1\n2 yes\n3 0\n"}, "line 2: 'yes' is neither 1, for training"),
        ({"train_test_split": "1 1\n"}, "image 2 has no line in train_test_split.txt"),
    ],
)
def test_cub_with_a_wrong_list_is_refused(changes, message, monkeypatch):
    place("cub_200_2011", monkeypatch, cub(**changes))
    refused(message, source="cub_200_2011")


def test_a_list_that_is_no_text_and_a_damaged_archive_are_refused(monkeypatch):
    place("cub_200_2011", monkeypatch, cub()[:-40])
    refused("CUB_200_2011.tgz is damaged", source="cub_200_2011")
    content = archive({"CUB_200_2011/image_class_labels.txt": b"1 \xff\xfe\n"}, "w:gz")
    place("cub_200_2011", monkeypatch, content)
    refused("image_class_labels.txt is no text", source="cub_200_2011")


# --- FGVC-Aircraft: text files with the variant of each image ---


def aircraft(**changes: str) -> bytes:
    texts = {
        "variants": "707-320\nCessna 172\n",
        "images_variant_trainval": "0034309 Cessna 172\n0034958 707-320\n",
        "images_variant_test": "0000003 Cessna 172\n",
        "images_family_test": "0000003 Cessna 172\n",
    } | changes
    root = "fgvc-aircraft-2013b/data"
    files: dict[str, bytes | str] = {f"{root}/{name}.txt": text for name, text in texts.items()}
    for value, number in enumerate(("0034309", "0034958", "0000003"), 1):
        files[f"{root}/images/{number}.jpg"] = picture(value)
    return archive(files, "w:gz")


def test_aircraft_are_read_by_variant_as_torchvision_reads_them(monkeypatch):
    from torchvision.datasets import FGVCAircraft

    place("fgvc_aircraft", monkeypatch, aircraft())
    train, test, classes = read(source="fgvc_aircraft")
    assert classes == ["707-320", "Cessna 172"]
    assert (train.labels, pixels(train), test.labels, pixels(test)) == ([1, 0], [1, 2], [1], [3])
    with tarfile.open(f"{DOWNLOADS}/fgvc_aircraft/fgvc-aircraft-2013b.tar.gz") as packed:
        # `extractall` wants a filter, which Python 3.11.2 does not know.
        for member in filter(tarfile.TarInfo.isfile, packed.getmembers()):
            write(f"theirs/{member.name}", packed.extractfile(member).read())
    theirs = FGVCAircraft("theirs", "trainval", "variant")
    assert (theirs._labels, theirs.classes) == (train.labels, classes)
    assert [Path(file).name for file in theirs._image_files] == [Path(name).name for name in train.names]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"images_variant_test": "0000003 Cesna 172\n"},
            "test.txt, line 1: 'Cesna 172' is not in variants",
        ),
        ({"images_variant_test": "0000003\n"}, "line 1: '0000003' is not a name and its value"),
        ({"images_variant_test": "0000009 707-320\n"}, "data/images/0000009.jpg, which is not in"),
    ],
)
def test_aircraft_with_a_wrong_list_are_refused(changes, message, monkeypatch):
    place("fgvc_aircraft", monkeypatch, aircraft(**changes))
    refused(message, source="fgvc_aircraft")


# --- the mirror ---


@pytest.mark.parametrize("name", [*FILES, "stanford_cars"])
def test_a_mirror_that_holds_the_set_is_looked_at_first(name, monkeypatch):
    monkeypatch.setenv("JOINTNN_MIRROR", "mirror")
    assert "official files" in source_of(DatasetParams(source=name)).origin
    write(f"mirror/{name}/train.parquet", parquet([0, 1], ["a", "b"]))
    write(f"mirror/{name}/test.parquet", parquet([1], ["a", "b"]))
    assert len(read(source=name)[1]) == 1
    assert source_of(DatasetParams(source=name)).origin == f"{name}, from the mirror folder"


# --- through both stages ---


def test_official_files_become_parquet_and_pixels_and_the_manifest_says_from_what(monkeypatch):
    place("fgvc_aircraft", monkeypatch, aircraft())
    source = DatasetParams(source="fgvc_aircraft")
    settings = {"source": source.model_dump(mode="json"), "source_digest": source_digest(source)}
    fetch.run(FetchJob(dataset="planes", **settings))
    prepare.run(PrepareJob(dataset="planes", size=4, channels=3, fit="crop", mirrored=False))
    manifest = files.read_json("data/raw/planes/manifest.json")
    assert manifest["licence"] == "non-commercial research"
    assert manifest["splits"]["train"]["images_per_class"] == {"707-320": 1, "Cessna 172": 1}
    packed = files.sha256_of_file(f"{DOWNLOADS}/fgvc_aircraft/fgvc-aircraft-2013b.tar.gz")
    assert manifest["source_files"] == {"fgvc_aircraft/fgvc-aircraft-2013b.tar.gz": packed}
    found, header = tensors.read_tensors("data/prepared/planes-4-test.safetensors")
    assert (found["images"][0, 0, 0, 0], found["labels"].tolist()) == (3, [1])
    assert header["source"] == "FGVC-Aircraft, the official files"
