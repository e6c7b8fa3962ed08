"""A tweet file of any length becomes one row a day: on all cores, in bounded memory, and a killed run goes on.

Each piece of the file is scored by itself and its result kept on disk, so that nothing depends on how many
processes there are or how often they were stopped.
"""

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from importlib.metadata import version
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from filelock import FileLock
from tqdm import tqdm

from datamodules.errors import DataError
from datamodules.files import replacing
from datamodules.tweets import scores
from datamodules.tweets.layouts import MBSA, Piece, layout_of, pieces, read

PIECE_SIZE = 4 << 20  # bytes of the file: some 20,000 tweets, a few seconds
MOST_PROCESSES = 12  # unless asked for more: each holds some 60 MB, and all together shall stay below 1 GB
RULES = 2  # goes up whenever the same file would give other numbers


def daily_file(
    path: Path, by: str, cache_dir: Path, processes: int | None = None, piece_size: int = PIECE_SIZE
) -> Path:
    """The daily sentiment of a tweet file: a CSV file in the cache, with a comment that says what was counted.

    Columns: date, and those of `scores.merge`. By VADER, a text counts once a day, retweets ("RT @name: ...") included,
    unless they were shortened; by tag, every row counts.

    Args:
        path: a file in one of the two Kaggle layouts.
        by: "vader": compound scores; "tag": the file's own tags.
        cache_dir: where the result is kept, and until then what is done of it: 16 bytes a tweet.
        processes: how many at a time; None: one for each core, up to MOST_PROCESSES.
        piece_size: bytes of the file that one process scores at a time.

    Raises:
        DataError: `by` is neither; the file is missing, of another layout, without tags or without a readable row;
            a process was killed, or the disk is full.
    """
    if by not in ("vader", "tag"):
        raise DataError(f"sentiment.by={by}: choose vader or tag.")
    layout = layout_of(path)
    if by == "tag" and layout is not MBSA:
        raise DataError(f"{path} has no tags: use sentiment=vader, or a file with the columns {MBSA.header}.")
    result = cache_dir / "sentiment" / f"{path.stem}_{by}_{_fingerprint(path, by, piece_size)}.csv"
    result.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(result.with_suffix(".lock")):  # the runs of a sweep may want the same file at once
        if not result.exists():
            folder = result.with_suffix("")
            folder.mkdir(exist_ok=True)
            _score(path, by, folder, processes or min(_cores(), MOST_PROCESSES), piece_size)
            _write(path, by, folder, result)
            shutil.rmtree(folder)
    return result


def _fingerprint(path: Path, by: str, piece_size: int) -> str:
    """Changes whenever the result could; gigabytes are known by their size and time, not by their content."""
    stat = path.stat()
    packages = [version("nltk"), version("vaderSentiment")] if by == "vader" else []
    identity = [RULES, stat.st_size, stat.st_mtime_ns, piece_size, *packages]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:12]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _score(path: Path, by: str, folder: Path, processes: int, piece_size: int) -> None:
    """Leave the scores of every piece in the folder; those that lie there already are not computed again."""
    every = {piece: folder / f"{piece.start:015d}.npz" for piece in pieces(path, piece_size)}
    missing = {piece: target for piece, target in every.items() if not target.exists()}
    if not missing:
        return
    size, left = (sum(piece.end - piece.start for piece in some) for some in (every, missing))
    scored, began = 0, time.monotonic()
    with (
        tqdm(total=size, initial=size - left, unit="B", unit_scale=True, desc=path.name, disable=None) as bar,
        _pool(min(processes, len(missing)), by) as pool,
    ):
        futures = {pool.submit(_score_piece, path, piece, by, to): piece for piece, to in missing.items()}
        try:
            for future in as_completed(futures):
                scored += future.result()
                bar.set_postfix_str(f"{scored / (time.monotonic() - began):,.0f} tweets/s", refresh=False)
                bar.update(futures[future].end - futures[future].start)
        except (BrokenProcessPool, OSError) as error:  # killed, perhaps for want of memory; the disk is full
            raise DataError(
                f"{path} could not be scored to its end ({error}): the same command goes on where it stopped."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _pool(processes: int, by: str) -> ProcessPoolExecutor:
    # A fork server holds NLTK once for all workers; a plain fork of a process with torch's threads may hang.
    methods = multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    context.set_forkserver_preload([__name__, *(["nltk.sentiment.vader"] if by == "vader" else [])])
    return ProcessPoolExecutor(processes, context, initializer=_follow_parent)


def _follow_parent() -> None:
    """End with the parent, also when that is killed, and leave the answer to Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _score_piece(path: Path, piece: Piece, by: str, target: Path) -> int:
    """Write the scores of a piece; the number of its tweets."""
    tweets, broken = read(path, piece)
    found = scores.by_tag(tweets, piece) if by == "tag" else scores.by_vader(tweets)
    scores.save(target, found, broken)
    return len(tweets)


def _write(path: Path, by: str, folder: Path, result: Path) -> None:
    table, broken = scores.merge(sorted(folder.glob("*.npz")))
    if table.empty:
        raise DataError(f"{path} has no readable tweet, but {broken:,} broken lines.")
    tweets, duplicates = int(table["tweets"].sum()), int(table["duplicates"].sum())
    with replacing(result) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        file.write(
            f"# {path.name} by {by}: {tweets:,} tweets on {len(table):,} days, "
            f"{duplicates:,} duplicates left out, {broken:,} broken lines skipped\n"
        )
        table.to_csv(file)
