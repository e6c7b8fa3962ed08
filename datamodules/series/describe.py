"""A user's own file in words and numbers: `python -m datamodules series series.file=... series.target=...`."""

from omegaconf import DictConfig

from datamodules.series.series_data import load_series


def describe(config: DictConfig) -> str:
    """Facts about the series of a configuration before anything is trained.

    Raises:
        DataError: the file is missing or broken.
    """
    found = load_series(config)
    assert found.panel.own is not None
    table = found.panel.features[found.panel.own.observed].describe().T[["mean", "std", "min", "50%", "max"]]
    lines = table.rename(columns={"50%": "median"}).to_string(float_format="{:,.6g}".format)
    ends = found.panel.close.tail(3)
    last = ", ".join(
        f"{found.panel.own.frequency.written(day)}: {value:,.6g}" for day, value in zip(ends.index, ends, strict=True)
    )
    return "\n".join([*found.report, "", lines, "", f"The last values of {found.panel.close.name} are {last}."])
