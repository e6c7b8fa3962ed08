"""Buffers are reused, and never by two tensors at a time."""

import gc
import os
import random
import threading

import pytest
import torch
from torch import Tensor

from cells.llvm.workspace import LEAST, MOST_IDLE, Workspace

LIKE = torch.empty(0)
MIB = LEAST // 4  # float32 numbers in the smallest buffer that is kept


def test_a_buffer_comes_back_when_its_last_tensor_is_gone() -> None:
    workspace = Workspace()
    tensor = workspace.empty(LIKE, 2, MIB)
    address, view = tensor.data_ptr(), tensor[1]
    del tensor
    assert workspace.empty(LIKE, 2, MIB).data_ptr() != address  # the view still lives
    del view
    assert workspace.empty(LIKE, 2, MIB).data_ptr() == address


def test_a_tensor_has_the_dtype_and_shape_asked_for() -> None:
    for dtype in (torch.float32, torch.float64):
        for shape in ((3, 5), (3, MIB)):
            tensor = Workspace().empty(LIKE.to(dtype), *shape)
            assert (tensor.dtype, tensor.shape) == (dtype, shape)
            tensor.fill_(1)


def test_a_buffer_is_not_given_to_a_much_smaller_tensor() -> None:
    workspace = Workspace()
    address = workspace.empty(LIKE, 4 * MIB).data_ptr()
    assert workspace.empty(LIKE, MIB).data_ptr() != address
    assert workspace.empty(LIKE, 3 * MIB).data_ptr() == address


def test_autograd_may_keep_a_buffer_alive() -> None:
    workspace = Workspace()
    kept, weight = workspace.empty(LIKE, MIB).fill_(2), torch.ones(MIB, requires_grad=True)
    product = kept * weight  # saves it for backward
    address = kept.data_ptr()
    del kept
    other = workspace.empty(LIKE, MIB).fill_(7)
    assert other.data_ptr() != address
    product.sum().backward()
    assert torch.all(weight.grad == 2)


def test_only_a_few_buffers_wait() -> None:
    workspace = Workspace()
    tensors = [workspace.empty(LIKE, MIB) for _ in range(3 * MOST_IDLE)]
    del tensors
    workspace.empty(LIKE, 9 * MIB)
    assert len(workspace._idle) <= MOST_IDLE + 1


@pytest.mark.slow
def test_threads_never_share_a_buffer() -> None:
    workspace, wrong = Workspace(), []

    def work(number: int) -> None:
        rng = random.Random(number)
        held: list[tuple[Tensor, float]] = []
        for k in range(150):
            value = number + k / 1000
            held.append((workspace.empty(LIKE, MIB * rng.randint(1, 2))[:100].fill_(value), value))
            wrong.extend(1 for tensor, own in held if not torch.all(tensor == own))
            del held[: rng.randint(0, 3)]
            if k % 50 == 0:
                gc.collect()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.processes
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_process_does_not_write_into_its_parents_buffers() -> None:
    tensor = Workspace().empty(LIKE, MIB)
    tensor[0] = 1
    child = os.fork()
    if child == 0:
        tensor[0] = 2
        os._exit(0)
    os.waitpid(child, 0)
    assert tensor[0] == 1
