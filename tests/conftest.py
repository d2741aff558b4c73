"""For all tests."""

import os
import signal
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

# A shell that starts the tests in the background ignores Ctrl-C, and with it would every process that a
# test starts to interrupt it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests run side by side, one on each core, as jobs do. A second thread of each would wait busily for a
# core, which took most of the CPU time; and two threads share sums, so that last digits differ.
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture
def file_server(tmp_path, monkeypatch) -> Iterator[tuple[Path, str]]:
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
def two_threads() -> Iterator[None]:
    """Torch computes on two threads, which a test then changes or keeps."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)
