"""CIFAR-10 by torchvision, on a small archive in the official format, from a server on loopback."""

import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from helpers.dataset import MIRROR, NO_NETWORK, colours, decoded, md5, read, refused, write

from jointnn.data.sources import cifar10 as official_photos


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOINTNN_MIRROR", raising=False)


@pytest.fixture
def small_cifar10(file_server, monkeypatch) -> Path:
    """A server's folder with CIFAR-10 of 5 x 4 + 10 images in its archive; torchvision downloads there."""
    from torchvision.datasets import CIFAR10

    assert {CIFAR10.filename: CIFAR10.tgz_md5} == official_photos.CIFAR10_MD5
    folder, address = file_server
    pixels = [*np.split(colours(20, seed=1), 5), colours(10, seed=2)]
    labels = [*np.split(np.arange(20) % 10, 5), np.arange(10)]
    names = [name for name, _ in (*CIFAR10.train_list, *CIFAR10.test_list)]
    entries = {
        name: {"data": batch.transpose(0, 3, 1, 2).reshape(-1, 3072), "labels": given.tolist()}
        for name, batch, given in zip(names, pixels, labels, strict=True)
    }
    entries["batches.meta"] = {"label_names": official_photos.CIFAR10_CLASSES}
    members = {name: pickle.dumps(entry, protocol=2) for name, entry in entries.items()}
    with tarfile.open(folder / CIFAR10.filename, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(f"{CIFAR10.base_folder}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    sums = {CIFAR10.filename: md5((folder / CIFAR10.filename).read_bytes())}
    monkeypatch.setattr(official_photos, "CIFAR10_MD5", sums)
    batches = [[name, md5(members[name])] for name in names]
    meta = {"filename": "batches.meta", "key": "label_names", "md5": md5(members["batches.meta"])}
    new = {"url": address + CIFAR10.filename, "tgz_md5": sums[CIFAR10.filename], "meta": meta}
    for name, value in {**new, "train_list": batches[:-1], "test_list": batches[-1:]}.items():
        monkeypatch.setattr(CIFAR10, name, value)
    return folder


def test_cifar10_is_downloaded_and_read_by_torchvision(small_cifar10):
    train, test, classes = read(source="cifar10")
    assert (train.labels, test.labels) == ([*range(10)] * 2, [*range(10)])
    assert (classes[0], classes[3], classes[9]) == ("airplane", "cat", "truck")
    assert np.array_equal(decoded(train), colours(20, seed=1))
    assert np.array_equal(decoded(test), colours(10, seed=2))


def test_cifar10_placed_by_hand_needs_no_network_and_without_it_says_what_to_place(
    small_cifar10, monkeypatch
):
    from torchvision.datasets import CIFAR10

    monkeypatch.setattr(CIFAR10, "url", NO_NETWORK + CIFAR10.filename)
    refused("CIFAR-10 could not be loaded", source="cifar10")
    refused("place cifar-10-python.tar.gz in data/downloads/cifar10 by hand", source="cifar10")
    archive = (small_cifar10 / CIFAR10.filename).read_bytes()
    placed = write(f"data/downloads/cifar10/{CIFAR10.filename}", archive)
    assert len(read(source="cifar10")[0]) == 20
    batch = write("data/downloads/cifar10/cifar-10-batches-py/data_batch_3", b"damaged: unpacked again")
    assert read(source="cifar10")[0].labels == [*range(10)] * 2
    write(str(placed), archive[:-9])
    refused("cifar-10-python.tar.gz is not the official file", source="cifar10")
    placed.unlink()
    refused("is missing, though its unpacked form is there", source="cifar10")
    write(str(batch), b"damaged, and no archive to unpack again")
    refused("CIFAR-10 could not be loaded", source="cifar10")


@pytest.mark.skipif(not (MIRROR / "cifar10").is_dir(), reason=f"no mirror with cifar10 at {MIRROR}")
def test_cifar10_of_the_mirror_has_the_official_classes_in_their_order(monkeypatch):
    monkeypatch.setenv("JOINTNN_MIRROR", str(MIRROR))
    train, test, classes = read(source="cifar10", part="1/50")
    assert (len(train), len(test), classes) == (1000, 200, official_photos.CIFAR10_CLASSES)
