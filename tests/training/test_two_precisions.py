"""Training in float32 follows training in float64."""

from pathlib import Path

import pytest
import torch
from two_precisions import largest_differences, losses


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["baseline", "C4"])
def test_the_losses_of_both_precisions_differ_by_rounding(cell: str, tmp_path: Path) -> None:
    small = ("model.hidden=6", "model.embedding=6", f"cache_dir={tmp_path}")
    single, double = (losses(cell, dtype, *small, epochs=3) for dtype in (torch.float32, torch.float64))
    assert double[-1] < double[0]
    (difference,) = largest_differences(single, double, [3])
    assert 0 < difference < 1e-5, (single, double)
