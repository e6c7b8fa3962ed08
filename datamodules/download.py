"""Downloading a file so that it appears whole and with its pinned hash, or not at all."""

from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tqdm import tqdm

from datamodules.errors import DataError
from datamodules.files import replacing
from datamodules.hashes import hash_of

TIMEOUT = 30  # seconds without a byte
CHUNK = 1 << 16  # bytes


def fetch(
    url: str, path: Path, digest: str | None, alternative: str, check: Callable[[Path], object] | None = None
) -> None:
    """Download `url` to `path`, with a progress bar on a terminal.

    The bytes go to a temporary file beside `path`. It is renamed to `path` once it is complete and has the pinned
    hash, or passes `check` if none is pinned, and removed in all other cases: a page that says "log in first" would
    otherwise be found at every later call.

    Args:
        url: an http or https address.
        path: where the file goes; its folder is made.
        digest: "sha256:..." or "md5:..." in hexadecimal; None for a file that is not pinned.
        alternative: what the user can do instead, for the error message: "use data=robo".
        check: raises a DataError if a file cannot be what was asked for.

    Raises:
        DataError: offline, refused, not found, cut short, the wrong hash or refused by `check`; names the address, the
            folder and the alternative.
    """
    try:
        with replacing(path) as temporary:
            with open(temporary, "wb") as file:
                _download(url, file, path.name)
            if digest is not None and (found := hash_of(temporary, digest)) != digest:
                raise _DownloadError(f"its hash is {found}, but {digest} is pinned")
            if digest is None and check is not None:
                _checked(temporary, check, path.name)
    except (OSError, HTTPException, _DownloadError) as error:
        raise DataError(
            f"{url} could not be downloaded ({_reason(error)}): "
            f"put {path.name} into {path.parent.resolve()} by hand, or {alternative}."
        ) from error


class _DownloadError(Exception):
    """Bytes arrived, but they are incomplete or have the wrong hash."""


def _download(url: str, file: BinaryIO, name: str) -> None:
    # Some hosts refuse urllib's default User-Agent.
    request = Request(url, headers={"User-Agent": "lstm-cs"})
    try:
        response = urlopen(request, timeout=TIMEOUT)
    except HTTPError as error:
        error.close()  # releases the connection
        raise
    with response:
        length = response.headers["Content-Length"]
        total = None if length is None else int(length)
        with tqdm(total=total, unit="B", unit_scale=True, desc=name, disable=None) as bar:
            while chunk := response.read(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
    if total is not None and file.tell() != total:
        raise _DownloadError(f"cut short after {file.tell()} of {total} bytes")


def _checked(temporary: Path, check: Callable[[Path], object], name: str) -> None:
    try:
        check(temporary)
    except DataError as error:
        raise _DownloadError(str(error).replace(str(temporary), name).rstrip(".")) from error


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"HTTP status {error.code} {error.reason}"
    if isinstance(error, URLError):
        return str(error.reason)
    return str(error) or type(error).__name__
