"""The random numbers of a net: what the placebo has other than the baseline, and what it shares with it."""

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from cells.errors import UserError
from conf.compose import composed
from training.run import build
from training.run.fit import fit
from training.run.folder.run_folder import RunFolder
from training.run.seeds import seed_of_epoch, seed_of_net

SMALL = ("data=robo", "model.embedding=8", "model.hidden=6", "threads=1")


def test_a_net_has_the_seed_of_its_run_and_a_placebo_another() -> None:
    def seeds(cell: str) -> list[int]:
        config = composed(f"cell={cell}")
        return [seed_of_net(OmegaConf.merge(config, {"seed": seed})) for seed in range(100)]

    assert seeds("baseline") == seeds("C1") == list(range(100))
    # Torch's generator on the CPU would take numbers for the same that agree in their last 32 bits.
    placebos = {seed % 2**32 for seed in seeds("placebo")}
    assert len(placebos | {*range(100)}) == 200


def test_each_seed_and_epoch_has_random_numbers_of_its_own() -> None:
    seeds = [seed_of_epoch(seed, epoch) for seed in range(50) for epoch in range(50)]
    assert len(set(seeds)) == len(seeds)


def test_the_placebo_has_other_weights_than_the_baseline_and_the_same_data(tmp_path: Path) -> None:
    made = {}
    for cell in ("baseline", "placebo", "C1"):
        config = composed(*SMALL, f"cell={cell}", "seed=3", f"cache_dir={tmp_path}")
        problem = build.problem(config)
        made[cell] = build.net(config, problem).state_dict(), problem.data
    weights = {cell: state for cell, (state, _) in made.items()}
    assert {name: value.shape for name, value in weights["placebo"].items()} == {
        name: value.shape for name, value in weights["baseline"].items()
    }
    drawn = [name for name, value in weights["baseline"].items() if value.std() > 0 and "bias" not in name]
    assert drawn
    assert not any(torch.equal(weights["placebo"][name], weights["baseline"][name]) for name in drawn)
    assert all(torch.equal(weights["C1"][name], value) for name, value in weights["baseline"].items())
    batches = {cell: [batch.rows.tolist() for batch in data.train_dataloader()] for cell, (_, data) in made.items()}
    assert batches["placebo"] == batches["baseline"]


@pytest.mark.usefixtures("nothing_drawn")
def test_the_placebo_has_other_dropout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: dict[str, list[int]] = {}
    for cell in ("baseline", "placebo"):
        config = composed(*SMALL, "epochs=2", f"cell={cell}", f"cache_dir={tmp_path}", f"runs_dir={tmp_path}")
        seen = seeds[cell] = []
        monkeypatch.setattr(torch, "manual_seed", seen.append)
        fit(config, RunFolder.of(config))
    assert seeds["baseline"] == [0, seed_of_epoch(0, 0), seed_of_epoch(0, 1)]
    assert len(seeds["placebo"]) == 3
    assert not {*seeds["placebo"]} & {*seeds["baseline"]}


def test_a_model_without_random_numbers_has_no_placebo(tmp_path: Path) -> None:
    config = composed("data=robo", "model=tfidf", "cell=placebo", f"cache_dir={tmp_path}")
    with pytest.raises(UserError, match="model=tfidf has no LSTM"):
        build.net(config, build.problem(config))
