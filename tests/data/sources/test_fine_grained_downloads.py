"""Official files: downloaded where they are missing, on from where it broke off, and checked before use."""

import hashlib
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from helpers.dataset import refused, write
from helpers.fine_grained import FILES

from jointnn.data.digests import ABSENT, source_digest
from jointnn.data.download import OfficialFile, obtain
from jointnn.data.schema import DatasetParams
from jointnn.data.sources import fine_grained
from jointnn.errors import UserError

CONTENT = bytes(range(256)) * 40
FOLDER = Path("data/downloads/birds")
PART = FOLDER / "birds.tgz.part"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOINTNN_MIRROR", raising=False)
    monkeypatch.setenv("no_proxy", "*")


class Server(BaseHTTPRequestHandler):
    """Serves CONTENT; how well it does, the path says."""

    def __init__(self, asked: list[str | None], *args) -> None:
        self.asked = asked
        super().__init__(*args)

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        self.asked.append(wanted)
        first = int(wanted.removeprefix("bytes=")[:-1]) if wanted and self.path != "/from_the_start" else 0
        if first >= len(CONTENT):
            return self.send_error(416)
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(CONTENT) - first))
        self.end_headers()
        self.wfile.write(CONTENT[first:6000] if self.path == "/breaks_off" else CONTENT[first:])

    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, list[str | None]]]:
    """The loopback address of a server, and the ranges that it was asked for."""
    asked: list[str | None] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Server, asked)) as http:
        thread = Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}/", asked
        http.shutdown()
        thread.join()


def official(url: str, algorithm: str = "sha256", content: bytes = CONTENT) -> OfficialFile:
    return OfficialFile("birds.tgz", url, hashlib.new(algorithm, content).hexdigest())


def says(message: str, file: OfficialFile) -> None:
    with pytest.raises(UserError) as error:
        obtain(file, FOLDER)
    assert message in str(error.value), error.value


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_missing_file_is_downloaded_once(server, algorithm):
    address, asked = server
    for _ in range(2):
        assert obtain(official(address, algorithm), FOLDER).read_bytes() == CONTENT
    assert asked == [None]
    assert not PART.exists()


def test_a_download_goes_on_from_where_it_broke_off(server):
    address, asked = server
    says("the connection broke off 4240 bytes before the end. Try again", official(address + "breaks_off"))
    assert not (FOLDER / "birds.tgz").exists()
    assert obtain(official(address), FOLDER).read_bytes() == CONTENT
    assert asked == [None, "bytes=6000-"]


def test_a_server_that_cannot_go_on_is_asked_for_the_whole(server):
    write(str(PART), b"something" * 9)
    assert obtain(official(server[0] + "from_the_start"), FOLDER).read_bytes() == CONTENT


def test_a_download_that_was_stopped_before_its_check_is_not_done_again(server):
    write(str(PART), CONTENT)
    assert obtain(official(server[0]), FOLDER).read_bytes() == CONTENT
    assert server[1] == [f"bytes={len(CONTENT)}-"]


def test_a_download_with_another_sum_is_thrown_away_and_both_sums_are_named(server):
    other = official(server[0], content=b"other")
    ours, theirs = (hashlib.sha256(content).hexdigest() for content in (CONTENT, b"other"))
    says(f"gave is not the official file: its SHA-256 is {ours}, not {theirs}. It was thrown away", other)
    assert not (FOLDER / "birds.tgz").exists()
    assert obtain(official(server[0]), FOLDER).read_bytes() == CONTENT


def test_two_jobs_at_once_download_a_file_once(server):
    file = official(server[0])
    jobs = [Thread(target=obtain, args=(file, FOLDER)) for _ in range(4)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert (FOLDER / "birds.tgz").read_bytes() == CONTENT
    assert server[1] == [None]


@pytest.mark.parametrize("name", FILES)
def test_without_network_a_source_says_which_file_to_place_where(name, monkeypatch):
    files = [
        OfficialFile(f.name, "http://127.0.0.1:1/", f.checksum) for f in getattr(fine_grained, FILES[name])
    ]
    monkeypatch.setattr(fine_grained, FILES[name], files)
    assert source_digest(DatasetParams(source=name)) != ABSENT
    refused(f"or place the file at data/downloads/{name}/{files[0].name} yourself, or set", source=name)
    refused(f"a folder that holds {name}/train.parquet and {name}/test.parquet", source=name)


@pytest.mark.parametrize("name", FILES)
def test_another_file_in_the_place_of_an_official_one_is_refused_naming_both_sums(name):
    file = getattr(fine_grained, FILES[name])[0]
    write(f"data/downloads/{name}/{file.name}", b"another")
    found = hashlib.new(file.algorithm, b"another").hexdigest()
    refused(f"data/downloads/{name}/{file.name} is not the official file", source=name)
    refused(f" is {found}, not {file.checksum}. Delete it", source=name)


def test_addresses_and_sums_are_those_of_torchvision_where_it_has_them():
    from torchvision.datasets import FGVCAircraft, Flowers102

    theirs = {
        (name, Flowers102._download_url_prefix + name, checksum)
        for name, checksum in Flowers102._file_dict.values()
    }
    assert {(file.name, file.url, file.checksum) for file in fine_grained.FLOWERS} == theirs
    assert [file.url for file in fine_grained.AIRCRAFT] == [FGVCAircraft._URL]
