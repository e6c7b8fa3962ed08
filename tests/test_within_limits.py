"""The limits of fuzz tests: work and memory beyond them are noticed, waiting and what a first call imports are not."""

import time
from pathlib import Path

import pytest
import within_limits as limits
from fuzzing import read_or_refused
from within_limits import MEGABYTES, within_limits

from datamodules.errors import DataError


def work(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_work_beyond_the_limit_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SECONDS", 0.05)
    with pytest.raises(AssertionError, match=r"more than 0\.05 s"):
        within_limits(lambda: work(0.06))


def test_a_file_that_is_read_beyond_the_limit_is_noticed_even_if_it_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(limits, "SECONDS", 0.05)

    def read() -> None:
        work(0.06)
        raise DataError("FILE is empty.")

    with pytest.raises(AssertionError, match=r"more than 0\.05 s"):
        read_or_refused(read, tmp_path)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="elsewhere the peak is the process's")
def test_memory_beyond_the_limit_is_noticed_though_it_was_given_back_and_taken_before() -> None:
    for _ in range(2):
        with pytest.raises(AssertionError, match=f"{MEGABYTES} MB"):
            within_limits(lambda: bytearray(b"x") * (MEGABYTES + 20 << 20))
    within_limits(lambda: bytearray(b"x") * (MEGABYTES // 2 << 20))


def test_waiting_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SECONDS", 0.05)
    assert within_limits(lambda: time.sleep(0.2) or "read") == "read"


def test_a_call_that_is_slow_once_or_fails_is_within_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SECONDS", 0.05)
    calls: list[float] = [0.0, 0.06]

    def call() -> None:
        work(calls.pop())
        raise ValueError("this file")

    with pytest.raises(ValueError, match="this file"):
        within_limits(call)
    assert calls == []
