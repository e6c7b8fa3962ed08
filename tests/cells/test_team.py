"""The team of threads where torch has none."""

import ctypes
import os
import signal
import threading
import time
from collections.abc import Callable

import pytest

from cells.llvm.team import OwnTeam, openmp

CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_int64)


def test_every_thread_of_a_team_runs_the_function_with_its_data() -> None:
    team, seen = OwnTeam(), []
    together = threading.Barrier(3)

    @CALLBACK
    def function(data: int) -> None:
        together.wait()  # for ever, unless all three run at a time
        seen.append((threading.get_ident(), data))

    address = ctypes.cast(function, ctypes.c_void_p).value
    for data in (7, 8):
        seen.clear()
        team.run(address, data, 3)
        assert [value for _, value in seen] == [data] * 3
        assert len({thread for thread, _ in seen}) == 3
        assert threading.get_ident() in {thread for thread, _ in seen}


def test_ctrl_c_waits_for_the_threads_and_leaves_a_team_that_works() -> None:
    team, ended = OwnTeam(), []
    waiting = threading.Event()

    @CALLBACK
    def function(data: int) -> None:
        if threading.current_thread() is threading.main_thread():
            waiting.set()
            return
        waiting.wait(10)
        if data == 1:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)  # the caller must still be waiting when this is over
        ended.append(data)

    address = ctypes.cast(function, ctypes.c_void_p).value
    with pytest.raises(KeyboardInterrupt):
        team.run(address, 1, 2)
    assert ended == [1]
    team.run(address, 2, 3)
    assert ended == [1, 2, 2]


def test_while_a_team_is_busy_others_run_alone() -> None:
    team, seen = OwnTeam(), []

    @CALLBACK
    def inner(data: int) -> None:
        seen.append(threading.get_ident())

    @CALLBACK
    def outer(data: int) -> None:
        if threading.get_ident() == caller:
            team.run(ctypes.cast(inner, ctypes.c_void_p).value, 0, 2)

    caller = threading.get_ident()
    team.run(ctypes.cast(outer, ctypes.c_void_p).value, 0, 2)
    assert seen == [caller]


@pytest.mark.parametrize("make", [openmp, lambda: OwnTeam().run], ids=["openmp", "own"])
def test_calls_within_the_threads_of_a_call_end(make: Callable[[], Callable[[int, int, int], None] | None]) -> None:
    run, seen = make(), []
    if run is None:
        pytest.skip("torch shows no OpenMP team here")

    @CALLBACK
    def inner(data: int) -> None:
        seen.append(data)

    @CALLBACK
    def outer(data: int) -> None:
        run(ctypes.cast(inner, ctypes.c_void_p).value, data, 2)

    run(ctypes.cast(outer, ctypes.c_void_p).value, 7, 2)
    assert len(seen) >= 2  # once from each thread of the outer call, on as many threads as are free
    assert set(seen) == {7}


def test_where_no_library_can_be_opened_there_is_no_openmp(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise OSError(f"{name} is hidden")

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    assert openmp() is None
