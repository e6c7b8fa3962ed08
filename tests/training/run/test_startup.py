"""A run starts without what it has no use for, and everything is there for who wants it later."""

import subprocess
import sys

import pytest
from conftest import PROJECT

pytestmark = pytest.mark.processes

BEGIN = """
import sys
from training.run.startup import import_lightning
import_lightning()
import torch
loaded = {"transformers", "scipy", "matplotlib", "torch._dynamo.convert_frame"} & set(sys.modules)
assert not loaded, f"not wanted: {loaded}"
weight = torch.nn.Parameter(torch.ones(2))
optimizer = torch.optim.Adam([weight])
weight.sum().backward()
optimizer.step()
assert "torch._dynamo.convert_frame" not in sys.modules, "training loads the compiler"
"""

LATER = {
    "a question to every module, then a compiled function": """
torch.testing.assert_close(torch.ones(1), torch.ones(1))
torch.testing.assert_close(torch.ones(1), torch.ones(1))
assert torch.compile(lambda x: x + 1, backend='eager')(torch.ones(1)) == 2
""",
    "a part of the compiler, then the packages that were hidden": """
import torch._dynamo.utils
assert torch._dynamo.utils.counters is sys.modules["torch._dynamo.convert_frame"].counters, "loaded twice"
import matplotlib.pyplot
import scipy.signal
from lightning_utilities.core.imports import RequirementCache
assert RequirementCache("scipy"), "Lightning is still told that scipy is not installed"
""",
}


@pytest.mark.parametrize("later", LATER.values(), ids=LATER)
def test_what_was_left_out_is_there_when_it_is_wanted(later: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + later], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
