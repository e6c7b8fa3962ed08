"""The user's own series as a configuration names them: read, put on a calendar and audited."""

from pathlib import Path

import numpy as np
from omegaconf import DictConfig, OmegaConf

from conf.kinds import chosen_source
from datamodules.files import here_or_below
from datamodules.market.market_data import MarketData
from datamodules.market.panel import Panel
from datamodules.market.yahoo_layout import DateRange
from datamodules.series.series_audit import audit_inputs, sentences
from datamodules.series.series_file import Columns, read_series
from datamodules.series.series_panel import panel_of
from datamodules.series.symbols import load_symbols


def load_series(config: DictConfig) -> MarketData:
    """Read the file, or the prices, of `features=csv` or `features=symbols`.

    Args:
        config: series, start, end, horizon, data_dir.

    Raises:
        DataError: they are missing or broken.
    """
    series, data_dir = config.series, Path(config.data_dir)
    if chosen_source(config) == "symbols":
        span = DateRange.parse(config.start, config.end)
        panel, notes = load_symbols(list(series.symbols), series.target, span, data_dir, series.season)
    else:
        panel, notes = _from_file(series, data_dir, config.start, config.end)
    lines = [*notes, *_about(panel), *sentences(audit_inputs(panel, config.horizon))]
    return MarketData(panel, lines, None, None, None, False)


def _from_file(series: DictConfig, data_dir: Path, start: str | None, end: str | None) -> tuple[Panel, list[str]]:
    inputs = None if series.inputs is None else list(OmegaConf.to_container(series.inputs))  # type: ignore[arg-type]
    columns = Columns(series.date, series.target, inputs, series.id)
    found = read_series(here_or_below(series.file, data_dir), columns, start, end)
    return panel_of(found.series, found.frequency, series.season, series.log), found.notes


def _about(panel: Panel) -> list[str]:
    """A line about the target: its season and its range."""
    assert panel.own is not None
    values = panel.close.to_numpy(float)[panel.own.observed]
    inputs = [str(name) for name in panel.features if name != panel.close.name]
    beside = f", with the inputs {', '.join(inputs)}" if inputs else ", from its own past alone"
    season = panel.own.frequency.steps(panel.own.season) if panel.own.season > 1 else "none"
    size = f"{np.min(values):,.6g} to {np.max(values):,.6g}, mean {np.mean(values):,.6g}"
    return [f"{panel.close.name}: {size}{beside}; season: {season}."]
