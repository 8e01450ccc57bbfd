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
    """A folder, and the address at which a server on this machine offers it."""
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


def test_a_file_is_fetched_once_and_kept(served, tmp_path):
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


def test_a_wrong_checksum_is_told_and_nothing_is_kept(served):
    _, address = served
    with pytest.raises(UserError, match="another SHA-256"):
        fetch(f"{address}/data.bin", "0" * 64, "data.bin")
    assert not list(cache_directory().iterdir())


def test_no_such_file_and_no_server_are_told(served):
    _, address = served
    with pytest.raises(UserError, match=r"HTTPError.*put the file at .*none\.bin"):
        fetch(f"{address}/none.bin", SHA256, "none.bin")
    with pytest.raises(UserError, match=r"ConnectionError.*check the network"):
        fetch("http://127.0.0.1:1/data.bin", SHA256, "data.bin")
