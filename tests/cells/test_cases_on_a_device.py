"""The definition that benchmarks/card.sh compares the kernels with on a card, run on a device that is not the CPU."""

import pytest
import torch
import triton_cases


@pytest.mark.parametrize("case", list(triton_cases.quick()), ids=str)
def test_the_definition_in_float64_runs_there(case: triton_cases.Case, device: torch.device) -> None:
    assert triton_cases.error(case, "eager", str(device)) < (1e-4 if case.cell == "a pole" else 1e-5)
