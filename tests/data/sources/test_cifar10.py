"""CIFAR-10 from its binary archive, on a small one in the official format, from a server on loopback."""

import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.dataset import MIRROR, NO_NETWORK, colours, decoded, read, refused, write
from helpers.pickles import RAN, runs_code

from jointnn.data.sources import cifar10 as official_photos

NAME = "cifar-10-binary.tar.gz"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOINTNN_MIRROR", raising=False)


def archive_of(train: np.ndarray, test: np.ndarray, cut: int = 0) -> bytes:
    """Images (N, 32, 32, 3), whose labels count from 0, in the official layout."""
    content = io.BytesIO()
    names = [f"data_batch_{k}.bin" for k in range(1, 6)]
    batches = {**dict(zip(names, np.split(train, 5), strict=True)), "test_batch.bin": test}
    first = 0
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, pixels in batches.items():
            labels = (np.arange(first, first + len(pixels)) % 10).astype(np.uint8)
            records = np.hstack([labels[:, None], pixels.transpose(0, 3, 1, 2).reshape(-1, 3072)]).tobytes()
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(records) - cut
            archive.addfile(member, io.BytesIO(records))
            first = first + len(pixels) if name != names[-1] else 0
    return content.getvalue()


def serve(monkeypatch, address: str, content: bytes) -> None:
    known = replace(
        official_photos.CIFAR10[0], url=address + NAME, checksum=hashlib.sha256(content).hexdigest()
    )
    monkeypatch.setattr(official_photos, "CIFAR10", [known])


@pytest.fixture
def small_cifar10(file_server, monkeypatch) -> Path:
    """A server's folder with CIFAR-10 of 20 + 10 images in its archive."""
    folder, address = file_server
    content = archive_of(colours(20, seed=1), colours(10, seed=2))
    (folder / NAME).write_bytes(content)
    serve(monkeypatch, address, content)
    return folder


def test_the_sum_and_the_place_are_those_of_the_binary_archive():
    assert (official_photos.CIFAR10[0].name, official_photos.CIFAR10[0].algorithm) == (NAME, "sha256")


def test_cifar10_is_downloaded_and_read(small_cifar10):
    train, test, classes = read(source="cifar10")
    assert (train.labels, test.labels) == ([*range(10)] * 2, [*range(10)])
    assert (classes[0], classes[3], classes[9]) == ("airplane", "cat", "truck")
    assert np.array_equal(decoded(train), colours(20, seed=1))
    assert np.array_equal(decoded(test), colours(10, seed=2))


def test_cifar10_placed_by_hand_needs_no_network_and_without_it_says_what_to_place(
    small_cifar10, monkeypatch
):
    content = (small_cifar10 / NAME).read_bytes()
    serve(monkeypatch, NO_NETWORK, content)
    refused(f"{NO_NETWORK}{NAME} could not be downloaded", source="cifar10")
    refused(f"place the file at data/downloads/cifar10/{NAME} yourself", source="cifar10")
    placed = write(f"data/downloads/cifar10/{NAME}", content)
    assert len(read(source="cifar10")[0]) == 20
    write(str(placed), content[:-9])
    refused(f"{NAME} is not the official file: its SHA-256 is", source="cifar10")


def test_an_archive_of_other_records_is_refused(monkeypatch):
    content = archive_of(colours(20, seed=1), colours(10, seed=2), cut=1)
    serve(monkeypatch, NO_NETWORK, content)
    write(f"data/downloads/cifar10/{NAME}", content)
    refused("bytes of train images, no whole ones", source="cifar10")


def test_pickles_of_the_other_archive_are_not_read_though_they_lie_where_others_look(small_cifar10):
    for name in ("data_batch_1", "test_batch", "batches.meta"):
        write(f"data/downloads/cifar10/cifar-10-batches-py/{name}", runs_code())
    assert len(read(source="cifar10")[0]) == 20
    assert not RAN.exists()


@pytest.mark.slow
@pytest.mark.skipif(not (MIRROR / "cifar10").is_dir(), reason=f"no mirror with cifar10 at {MIRROR}")
def test_cifar10_of_the_mirror_has_the_official_classes_in_their_order(monkeypatch):
    monkeypatch.setenv("JOINTNN_MIRROR", str(MIRROR))
    train, test, classes = read(source="cifar10", part="1/50")
    assert (len(train), len(test), classes) == (1000, 200, official_photos.CIFAR10_CLASSES)
