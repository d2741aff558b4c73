"""MNIST and USPS by torchvision, on small files in the official format, from a server on loopback."""

import bz2
import gzip
import hashlib
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from dataset_helpers import read, refused, write

from jointnn.datasets import official_digits
from jointnn.datasets.digests import source_digest
from jointnn.datasets.params import DatasetParams
from jointnn.images import decode

NO_NETWORK = "http://127.0.0.1:1/"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOINTNN_MIRROR", raising=False)


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def idx(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes(), mtime=0)


@pytest.fixture
def server(tmp_path, monkeypatch) -> Iterator[tuple[Path, str]]:
    """A folder, and the loopback address that serves its files."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args) -> None:
            pass

    folder = tmp_path / "server"
    folder.mkdir()
    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as http:
        thread = Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield folder, f"http://127.0.0.1:{http.server_port}/"
        http.shutdown()
        thread.join()


@pytest.fixture
def small_mnist(server, monkeypatch) -> Path:
    """A server's folder with MNIST of 20 + 10 images; torchvision downloads from there."""
    from torchvision.datasets import MNIST

    assert dict(MNIST.resources) == official_digits.MNIST_MD5
    folder, address = server
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


def test_usps_is_downloaded_and_read_by_torchvision(server, monkeypatch):
    from torchvision.datasets import USPS

    assert {name: checksum for _, name, checksum in USPS.split_list.values()} == official_digits.USPS_MD5
    folder, address = server
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
