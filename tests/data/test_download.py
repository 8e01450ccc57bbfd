"""Downloads from a local server."""

import hashlib
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from seqmodels.data.download import cache_directory, fetch
from seqmodels.errors import UserError

CONTENT = b"some data"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder, and the address of a local server that serves it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "data.bin").write_bytes(CONTENT)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_file_is_downloaded_once(served, tmp_path):
    folder, address = served
    path = fetch(f"{address}/data.bin", SHA256, "data.bin")
    assert path == cache_directory() / "data.bin"
    assert path.is_relative_to(tmp_path / "cache")
    assert path.read_bytes() == CONTENT
    (folder / "data.bin").unlink()
    assert fetch(f"{address}/data.bin", SHA256, "data.bin") == path


def test_a_damaged_file_in_the_cache_is_replaced(served):
    _, address = served
    path = fetch(f"{address}/data.bin", SHA256, "data.bin")
    path.write_bytes(CONTENT[:3])
    assert fetch(f"{address}/data.bin", SHA256, "data.bin").read_bytes() == CONTENT


def test_a_wrong_checksum_is_reported_and_the_file_removed(served):
    _, address = served
    with pytest.raises(UserError, match=r"the SHA-256 of .* is not 0{64}"):
        fetch(f"{address}/data.bin", "0" * 64, "data.bin")
    assert not list(cache_directory().iterdir())


def test_a_missing_file_and_a_missing_server_are_reported(served):
    _, address = served
    with pytest.raises(UserError, match=r"HTTPError.*save the file as .*none\.bin"):
        fetch(f"{address}/none.bin", SHA256, "none.bin")
    with pytest.raises(UserError, match=r"ConnectionError.*check the network"):
        fetch("http://127.0.0.1:1/data.bin", SHA256, "data.bin")
