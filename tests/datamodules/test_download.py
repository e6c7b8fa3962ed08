"""Downloads from a real HTTP server: a file appears whole and with its pinned hash, or not at all."""

import hashlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import PROJECT
from omegaconf import DictConfig, OmegaConf
from text_data import FIXTURES, make_zip

from datamodules import download
from datamodules.download import fetch
from datamodules.errors import DataError
from datamodules.hashes import hash_of
from datamodules.texts.sources import find_file, load_corpus

CONTENT = bytes(range(256)) * 1000
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()


@dataclass
class Server:
    """Files by path, the length that an answer claims if it is not the true one, and the paths requested so far."""

    address: str
    files: dict[str, bytes]
    claimed: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    hold: threading.Event | None = None


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            if self.path not in served.files:
                self.send_error(404)
                return
            content = served.files[self.path]
            self.send_response(200)
            self.send_header("Content-Length", str(served.claimed.get(self.path, len(content))))
            self.end_headers()
            self.wfile.write(content)
            if served.hold is not None:
                served.hold.wait()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Server(f"http://127.0.0.1:{http.server_port}", {"/data.bin": CONTENT})
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    yield served
    http.shutdown()
    thread.join()
    http.server_close()


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("digest", [SHA256, MD5, None])
def test_a_good_file_appears_under_its_name(digest: str | None, server: Server, tmp_path: Path) -> None:
    fetch(f"{server.address}/data.bin", tmp_path / "text/x/data.bin", digest, "use data=robo")
    assert (tmp_path / "text/x/data.bin").read_bytes() == CONTENT
    assert files_in(tmp_path) == ["text/x/data.bin"]


def test_the_file_has_the_permissions_of_the_umask(server: Server, tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    fetch(f"{server.address}/data.bin", tmp_path / "data.bin", None, "use data=robo")
    assert (tmp_path / "data.bin").stat().st_mode == (tmp_path / "usual").stat().st_mode


def assert_one_line_error_and_no_file(server: Server, folder: Path, path: str, digest: str | None, *says: str) -> None:
    url = server.address + path
    with pytest.raises(DataError) as caught:
        fetch(url, folder / "text/x/data.bin", digest, "use data=robo")
    for text in (url, str(folder / "text/x"), "by hand, or use data=robo.", *says):
        assert text in str(caught.value)
    assert "\n" not in str(caught.value)
    assert files_in(folder) == []


def test_another_hash_is_refused(server: Server, tmp_path: Path) -> None:
    pinned = "sha256:" + "0" * 64
    assert_one_line_error_and_no_file(
        server, tmp_path, "/data.bin", pinned, f"its hash is {SHA256}, but {pinned} is pinned"
    )


def test_a_body_cut_short_is_refused(server: Server, tmp_path: Path) -> None:
    server.claimed["/data.bin"] = len(CONTENT) + 1
    assert_one_line_error_and_no_file(
        server, tmp_path, "/data.bin", None, f"cut short after {len(CONTENT)} of 256001 bytes"
    )


def test_a_missing_file_on_the_server_is_an_error(server: Server, tmp_path: Path) -> None:
    assert_one_line_error_and_no_file(server, tmp_path, "/other", None, "(HTTP status 404 Not Found)")


def test_a_refused_connection_is_an_error(server: Server, tmp_path: Path) -> None:
    gone = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    gone.server_close()
    server.address = f"http://127.0.0.1:{gone.server_port}"
    assert_one_line_error_and_no_file(server, tmp_path, "/data.bin", None, "Connection refused")


def test_a_server_that_falls_silent_is_an_error(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    server.hold = threading.Event()
    server.claimed["/data.bin"] = len(CONTENT) + 1
    assert_one_line_error_and_no_file(server, tmp_path, "/data.bin", None, "timed out")
    server.hold.set()


def test_an_old_file_survives_a_failed_download(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(b"old")
    with pytest.raises(DataError):
        fetch(f"{server.address}/data.bin", tmp_path / "data.bin", "md5:0", "use data=robo")
    assert (tmp_path / "data.bin").read_bytes() == b"old"
    assert files_in(tmp_path) == ["data.bin"]


@pytest.mark.processes
def test_an_interrupted_download_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.hold = threading.Event()
    server.claimed["/data.bin"] = len(CONTENT) + 1
    code = (
        "import sys; from pathlib import Path; from datamodules.download import fetch;"
        f"fetch('{server.address}/data.bin', Path(sys.argv[1]) / 'data.bin', None, 'use data=robo')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=PROJECT,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    while not any(path.stat().st_size for path in tmp_path.iterdir()):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    server.hold.set()
    assert process.returncode != 0
    assert "KeyboardInterrupt" in errors
    assert files_in(tmp_path) == []


def data_config(url: str | None, pin: str | None, file: str = "text/x/data.bin", **more: str) -> DictConfig:
    return OmegaConf.create({"name": "x", "file": file, "url": url, "hash": pin, **more})


def test_a_missing_file_is_downloaded_once(server: Server, tmp_path: Path) -> None:
    for _ in range(2):
        assert find_file(data_config(f"{server.address}/data.bin", SHA256), tmp_path) == tmp_path / "text/x/data.bin"
    assert server.asked == ["/data.bin"]


def test_a_file_that_is_there_is_used_with_a_warning_if_it_is_not_the_pinned_one(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "text/x/data.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert find_file(data_config(f"{server.address}/data.bin", SHA256), tmp_path) == path
    assert caplog.messages == []
    path.write_bytes(b"edited by hand")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert find_file(data_config(f"{server.address}/data.bin", SHA256), tmp_path) == path
    (message,) = caplog.messages  # once, however often the file is read
    assert message == f"{path} is not the pinned version ({hash_of(path, SHA256)}, not {SHA256}); used as it is."
    assert server.asked == []


def test_data_instead_is_neither_downloaded_nor_checked(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = data_config(f"{server.address}/data.bin", SHA256, instead="text/x/part.bin")
    with pytest.raises(DataError, match=r"text/x/part\.bin is missing: put it there, or leave out data\.instead"):
        find_file(config, tmp_path)
    (tmp_path / "text/x").mkdir(parents=True)
    (tmp_path / "text/x/part.bin").write_bytes(b"part")
    assert find_file(config, tmp_path) == tmp_path / "text/x/part.bin"
    assert caplog.messages == []
    assert server.asked == []


def test_the_unzipped_file_can_replace_the_archive(server: Server, tmp_path: Path) -> None:
    config = data_config(f"{server.address}/data.bin", SHA256, unzipped="text/x/inside.txt")
    (tmp_path / "text/x").mkdir(parents=True)
    (tmp_path / "text/x/inside.txt").write_bytes(b"inside")
    assert find_file(config, tmp_path) == tmp_path / "text/x/inside.txt"
    assert server.asked == []


def test_a_file_without_an_address_has_to_be_put_there_by_hand(tmp_path: Path) -> None:
    config = data_config(None, None, page="https://data.example/x")
    with pytest.raises(DataError) as caught:
        find_file(config, tmp_path)
    assert str(caught.value) == (
        "data.bin is missing and has no address to download it from: get it from https://data.example/x "
        f"and put it into {tmp_path}/text/x, or use data=robo."
    )


def test_a_data_set_is_downloaded_and_read(server: Server, tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "served.zip", {"a/en_dataset.csv": (FIXTURES / "mlma/en_dataset.csv").read_bytes()})
    server.files["/data.zip"] = archive.read_bytes()
    config = data_config(f"{server.address}/data.zip", hash_of(archive, SHA256), "text/mlma/data.zip")
    config.corpus = {"_target_": "datamodules.texts.corpora.mlma"}
    assert len(load_corpus(config, tmp_path / "data").texts) == 12


def test_a_page_in_place_of_the_data_is_not_kept(server: Server, tmp_path: Path) -> None:
    """Without a pinned hash the file itself has to tell. Kept, it would be refused at every later call."""
    config = data_config(f"{server.address}/dataset.csv", None, "text/hate/dataset.csv")
    config.corpus = {"_target_": "datamodules.texts.corpora.hate"}
    server.files["/dataset.csv"] = b"<html>Log in first.</html>"
    says = (
        rf"^{server.address}/dataset.csv could not be downloaded \(dataset.csv, line 1: no column Comment, Class "
        r"in the header '<html>Log in first.</html>'\): put dataset.csv into .*/text/hate by hand, or use data=robo\.$"
    )
    with pytest.raises(DataError, match=says):
        load_corpus(config, tmp_path / "data")
    assert not list((tmp_path / "data/text/hate").iterdir())
    server.files["/dataset.csv"] = (FIXTURES / "hate/dataset.csv").read_bytes()
    assert len(load_corpus(config, tmp_path / "data").texts) == 9


@pytest.mark.parametrize("name", ["../../outside.csv", "/outside.csv", "a\\..\\..\\outside.csv"])
def test_an_archive_that_leads_outside_is_refused(name: str, server: Server, tmp_path: Path) -> None:
    members = {"a/en_dataset.csv": (FIXTURES / "mlma/en_dataset.csv").read_bytes(), name: b"surprise"}
    server.files["/evil.zip"] = make_zip(tmp_path / "served.zip", members).read_bytes()
    config = data_config(f"{server.address}/evil.zip", None, "text/mlma/evil.zip")
    config.corpus = {"_target_": "datamodules.texts.corpora.mlma"}
    with pytest.raises(DataError, match="is refused: it holds a file with the unsafe path"):
        load_corpus(config, tmp_path / "data")
    assert files_in(tmp_path) == ["served.zip"]
