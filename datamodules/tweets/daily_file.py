"""The daily sentiment of a tweet file of any length, computed on all cores, in bounded memory, and resumable.

Each chunk of the file is scored independently and its scores are kept on disk, so that the result does not depend on
the number of processes, nor on how often the computation was interrupted.
"""

import hashlib
import json
import os
import shutil
import time
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, NamedTuple

from filelock import FileLock
from tqdm import tqdm

from datamodules.caches import read_kept
from datamodules.errors import DataError
from datamodules.files import replacing
from datamodules.hashes import content_hash
from datamodules.tweets.daily_means import average_by_day
from datamodules.tweets.kaggle_layouts import MBSA, Chunk, chunks, layout_of, read_chunk
from datamodules.tweets.prepare import PREPARATIONS, RAW
from datamodules.tweets.tweet_scores import are_saved, save_scores, score_by_tag, score_by_vader
from datamodules.tweets.worker_pool import WorkerPool

CHUNK_SIZE = 4 << 20  # bytes of the file: about 20,000 tweets, a few seconds
MOST_PROCESSES = 12  # by default: each takes about 60 MB, and together they should stay below 1 GB
RULES = {"vader": 4, "tag": 3}  # increased whenever the same file would give different numbers or counts
PRELOADED = {"vader": (__name__, "nltk.sentiment.vader"), "tag": (__name__,)}
"""The modules that its workers need, for each way of scoring."""


class Scoring(NamedTuple):
    """The way tweets are scored: `by` is "vader" or "tag", `prepare` one of `prepare.PREPARATIONS`."""

    by: str
    prepare: str

    def __str__(self) -> str:
        return self.by if self.prepare == RAW else f"{self.by}, prepared as in the paper"


def make_daily_file(
    path: Path,
    by: str,
    cache_dir: Path,
    processes: int | None = None,
    chunk_size: int = CHUNK_SIZE,
    prepare: str = RAW,
) -> Path:
    """Score a tweet file and write its daily means to a CSV file in the cache; return the path of that file.

    Columns: date, and those of `average_by_day`; the first line is a comment with the numbers of tweets counted, the
    second one with a checksum. With by="vader", a text and its retweets ("RT @name: ...") count once a day, unless a
    retweet was shortened; with by="tag", every row counts.

    Args:
        path: a file in one of the two Kaggle layouts.
        by: "vader": compound scores; "tag": the file's own tags.
        cache_dir: keeps the result, and while it is computed the scores of finished chunks: 16 bytes a tweet.
        processes: number of processes; None: one for each core, up to MOST_PROCESSES.
        chunk_size: bytes of the file that one process scores at a time.
        prepare: one of `prepare.PREPARATIONS`; for by="vader" only.

    Raises:
        DataError: `by` or `prepare` is none of these; the file is missing, of another layout, without tags or without a
            readable row; a process was killed; or the disk is full.
    """
    how = Scoring(by, prepare)
    _check(path, how)
    result = cache_dir / "sentiment" / f"{path.stem}_{by}_{_fingerprint(path, by, chunk_size, prepare)}.csv"
    result.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(result.with_suffix(".lock")):  # several runs of a sweep may need the same file at once
        if read_kept(result, _checked) is None:
            folder = result.with_suffix("")
            folder.mkdir(exist_ok=True)
            _score(path, how, folder, processes or min(_cores(), MOST_PROCESSES), chunk_size)
            _write(path, how, folder, result)
            shutil.rmtree(folder)
    return result


def _check(path: Path, how: Scoring) -> None:
    if how.by not in ("vader", "tag"):
        raise DataError(f"sentiment.by={how.by}: choose vader or tag.")
    if how.prepare not in PREPARATIONS or (how.by == "tag" and how.prepare != RAW):
        raise DataError(f"sentiment.prepare={how.prepare}: choose {' or '.join(PREPARATIONS)}, and raw for tags.")
    layout = layout_of(path)
    if how.by == "tag" and layout is not MBSA:
        raise DataError(f"{path} has no tags: use sentiment=vader, or a file with the columns {MBSA.header}.")


def _fingerprint(path: Path, by: str, chunk_size: int, prepare: str) -> str:
    """A hash of all that the result depends on."""
    packages = [version("nltk"), version("vaderSentiment")] if by == "vader" else []
    preparation = [] if prepare == RAW else [prepare]  # files scored before there was a choice stay as they are
    identity = [RULES[by], content_hash(path), chunk_size, *packages, *preparation]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:12]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _score(path: Path, how: Scoring, folder: Path, processes: int, chunk_size: int) -> None:
    """Write the scores of every chunk to the folder, except those that are there already and undamaged."""
    targets = {chunk: folder / f"{chunk.start:015d}.npz" for chunk in chunks(path, chunk_size)}
    missing = {chunk: target for chunk, target in targets.items() if not are_saved(target)}
    if not missing:
        return
    size, left = (sum(chunk.end - chunk.start for chunk in some) for some in (targets, missing))
    scored, began = 0, time.monotonic()
    with (
        tqdm(total=size, initial=size - left, unit="B", unit_scale=True, desc=path.name, disable=None) as bar,
        WorkerPool(min(processes, len(missing)), PRELOADED[how.by]) as pool,
    ):
        try:
            calls = [(path, chunk, how, target) for chunk, target in missing.items()]
            futures = dict(zip(pool.start(_score_chunk, calls), missing, strict=True))
            for future in as_completed(futures):
                scored += future.result()
                bar.set_postfix_str(f"{scored / (time.monotonic() - began):,.0f} tweets/s", refresh=False)
                bar.update(futures[future].end - futures[future].start)
        except (
            BrokenProcessPool,
            OSError,
        ) as error:  # a process was killed, perhaps for lack of memory, or the disk is full
            raise DataError(
                f"{path} could not be scored to its end ({error}): the same command goes on where it stopped."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _score_chunk(path: Path, chunk: Chunk, how: Scoring, target: Path) -> int:
    """Write the scores of a chunk to `target` and return the number of its tweets."""
    tweets, *counts = read_chunk(path, chunk)
    scores = score_by_tag(tweets, chunk) if how.by == "tag" else score_by_vader(tweets, how.prepare)
    save_scores(target, scores, *counts)
    return len(tweets)


def _write(path: Path, how: Scoring, folder: Path, result: Path) -> None:
    table, broken, not_utf8, converted, assumed = average_by_day(sorted(folder.glob("*.npz")))
    if table.empty:
        raise DataError(f"{path} has no readable tweet, but {broken:,} broken lines.")
    tweets, duplicates = int(table["tweets"].sum()), int(table["duplicates"].sum())
    notes = {
        "tweets with bytes that are not UTF-8 or NUL": not_utf8,
        "times in other zones converted to UTC": converted,
        "times without a zone taken as UTC": assumed,
    }
    noted = "".join(f", {number:,} {what}" for what, number in notes.items() if number)
    about = (
        f"# {path.name} by {how}: {tweets:,} tweets on {len(table):,} days, "
        f"{duplicates:,} duplicates left out, {broken:,} broken lines skipped{noted}\n"
    )
    rows = table.to_csv(lineterminator="\n")
    with replacing(result) as temporary:
        temporary.write_bytes(f"{about}{_checksum(about + rows)}{rows}".encode())


def _checksum(text: str) -> str:
    """The second line of a result, about all others."""
    return f"# sha256:{hashlib.sha256(text.encode()).hexdigest()}\n"


def _checked(file: BinaryIO) -> bool:
    about, checksum, rows = (line.decode() for line in (file.readline(), file.readline(), file.read()))
    if checksum != _checksum(about + rows):
        raise ValueError(checksum)
    return True
