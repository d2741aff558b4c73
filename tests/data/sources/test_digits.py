"""MNIST, USPS and SVHN by torchvision, on small files in the official format, from a server on loopback."""

import bz2
import gzip
from pathlib import Path

import numpy as np
import pytest
from helpers.dataset import NO_NETWORK, colours, decoded, md5, read, refused, write

from jointnn.data.digests import source_digest
from jointnn.data.images import decode
from jointnn.data.schema import DatasetParams
from jointnn.data.sources import digits as official_digits


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOINTNN_MIRROR", raising=False)


def idx(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes(), mtime=0)


@pytest.fixture
def small_mnist(file_server, monkeypatch) -> Path:
    """A server's folder with MNIST of 20 + 10 images; torchvision downloads from there."""
    from torchvision.datasets import MNIST

    assert dict(MNIST.resources) == official_digits.MNIST_MD5
    folder, address = file_server
    for split, count in (("train", 20), ("t10k", 10)):
        images = np.arange(count * 6, dtype=np.uint8).reshape(count, 2, 3)
        write(f"{folder}/{split}-images-idx3-ubyte.gz", idx(images))
        write(f"{folder}/{split}-labels-idx1-ubyte.gz", idx(np.arange(count, dtype=np.uint8) % 10))
    sums = {name: md5((folder / name).read_bytes()) for name in official_digits.MNIST_MD5}
    monkeypatch.setattr(official_digits, "MNIST_MD5", sums)
    monkeypatch.setattr(MNIST, "resources", list(sums.items()))
    monkeypatch.setattr(MNIST, "mirrors", [address])
    return folder


def test_mnist_is_downloaded_and_read_by_torchvision(small_mnist):
    before = source_digest(DatasetParams(source="mnist"))
    train, test, classes = read(source="mnist")
    assert (train.labels, len(test), len(classes)) == ([*range(10)] * 2, 10, 10)
    assert np.asarray(decode(train.content[1], "")).tolist() == [[6, 7, 8], [9, 10, 11]]
    assert source_digest(DatasetParams(source="mnist")) == before


def test_mnist_placed_by_hand_needs_no_network(small_mnist, monkeypatch):
    from torchvision.datasets import MNIST

    monkeypatch.setattr(MNIST, "mirrors", [NO_NETWORK])
    for file in small_mnist.iterdir():
        write(f"data/downloads/mnist/MNIST/raw/{file.name}", file.read_bytes())
    assert len(read(source="mnist")[0]) == 20


def test_mnist_without_network_says_which_files_to_place_where(monkeypatch):
    from torchvision.datasets import MNIST

    monkeypatch.setattr(MNIST, "mirrors", [NO_NETWORK])
    refused("MNIST could not be loaded", source="mnist")
    refused("place train-images-idx3-ubyte.gz, train-labels", source="mnist")
    refused("in data/downloads/mnist/MNIST/raw by hand", source="mnist")


def test_another_file_in_the_place_of_an_official_one_is_refused(small_mnist):
    write("data/downloads/mnist/MNIST/raw/t10k-images-idx3-ubyte.gz", b"another")
    refused("t10k-images-idx3-ubyte.gz is not the official file", source="mnist")


def test_usps_is_downloaded_and_read_by_torchvision(file_server, monkeypatch):
    from torchvision.datasets import USPS

    assert {name: checksum for _, name, checksum in USPS.split_list.values()} == official_digits.USPS_MD5
    folder, address = file_server
    split_list, sums = {}, {}
    for split, name, count in (("train", "usps.bz2", 20), ("test", "usps.t.bz2", 10)):
        pixel = " ".join(f"{i}:{1 if i % 2 else -1}" for i in range(1, 257))
        content = bz2.compress("".join(f"{i % 10 + 1} {pixel} \n" for i in range(count)).encode())
        write(f"{folder}/{name}", content)
        sums[name] = md5(content)
        split_list[split] = [address + name, name, sums[name]]
    monkeypatch.setattr(USPS, "split_list", split_list)
    monkeypatch.setattr(official_digits, "USPS_MD5", sums)
    train, test, _ = read(source="usps")
    assert (train.labels, len(test)) == ([*range(10)] * 2, 10)
    assert np.asarray(decode(train.content[0], ""))[0, :4].tolist() == [255, 0, 255, 0]
    for name in sums:
        Path(f"data/downloads/usps/{name}").unlink()
    monkeypatch.setattr(
        USPS, "split_list", {split: [NO_NETWORK + row[1], *row[1:]] for split, row in split_list.items()}
    )
    refused("place usps.bz2, usps.t.bz2 in data/downloads/usps by hand", source="usps")


@pytest.fixture
def small_svhn(file_server, monkeypatch) -> Path:
    """A server's folder with SVHN of 20 + 10 images, 0 labelled 10; torchvision downloads there."""
    from scipy.io import savemat
    from torchvision.datasets import SVHN

    official = {
        name: checksum for split, (_, name, checksum) in SVHN.split_list.items() if split != "extra"
    }
    assert official == official_digits.SVHN_MD5
    folder, address = file_server
    split_list = {}
    for split, count, seed in (("train", 20, 1), ("test", 10, 2)):
        file = folder / f"{split}_32x32.mat"
        labels = np.array([k % 10 or 10 for k in range(count)], np.uint8)[:, None]
        savemat(file, {"X": colours(count, seed).transpose(1, 2, 3, 0), "y": labels})
        split_list[split] = [address + file.name, file.name, md5(file.read_bytes())]
    monkeypatch.setattr(SVHN, "split_list", split_list)
    sums = {name: checksum for _, name, checksum in split_list.values()}
    monkeypatch.setattr(official_digits, "SVHN_MD5", sums)
    return folder


def test_svhn_is_downloaded_and_its_label_10_is_the_digit_0(small_svhn):
    train, test, classes = read(source="svhn")
    assert train.labels == [*range(10)] * 2
    assert (test.labels, classes) == ([*range(10)], [str(digit) for digit in range(10)])
    assert np.array_equal(decoded(train), colours(20, seed=1))
    assert np.array_equal(decoded(test), colours(10, seed=2))
    assert sorted(file.name for file in Path("data/downloads/svhn").iterdir()) == [
        "test_32x32.mat",
        "train_32x32.mat",
    ]


def test_svhn_placed_by_hand_needs_no_network_and_without_it_says_what_to_place(small_svhn, monkeypatch):
    from torchvision.datasets import SVHN

    nowhere = {split: [NO_NETWORK + row[1], *row[1:]] for split, row in SVHN.split_list.items()}
    monkeypatch.setattr(SVHN, "split_list", nowhere)
    refused("SVHN could not be loaded", source="svhn")
    refused("place train_32x32.mat, test_32x32.mat in data/downloads/svhn by hand", source="svhn")
    refused("a folder that holds svhn/train.parquet and svhn/test.parquet", source="svhn")
    for file in small_svhn.iterdir():
        write(f"data/downloads/svhn/{file.name}", file.read_bytes())
    assert len(read(source="svhn")[0]) == 20


def test_a_damaged_file_of_svhn_is_refused(small_svhn):
    for file in small_svhn.iterdir():
        write(f"data/downloads/svhn/{file.name}", file.read_bytes())
    write("data/downloads/svhn/train_32x32.mat", (small_svhn / "train_32x32.mat").read_bytes()[:-9])
    refused("data/downloads/svhn/train_32x32.mat is not the official file: its MD5 is", source="svhn")
