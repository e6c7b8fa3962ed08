"""The files that a run learns from, by their content. Imports nothing heavy: it is asked of finished runs too."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from conf.compose import CONF
from conf.kinds import DAILY, SERIES, TEXTS, encoder_of, is_own, kind_of
from datamodules.files import here_or_below, known_as
from datamodules.hashes import content_hash
from datamodules.market.yahoo_layout import MARKETS, DateRange, by_hand, downloaded

BUNDLED = Path("datamodules", "texts", "robo", "commands.csv")
"""The corpus of a data set without a file, below the project's own folder."""

OWN_FILES = {"file": "data", "path": "data", "val_file": "val", "test_file": "test"}
"""The purposes of the files of a user's own texts, by the key below `data` that names them."""

Content = dict[str, dict[str, str]]
"""By what a file is for, "data", "btc", "sentiment" and so on: its name below data_dir, and its hash. "encoder" is the
folder of `model.checkpoint=`, by its last name alone."""


def data_files(config: DictConfig) -> dict[str, tuple[str, Path]]:
    """The files of a configuration that are there now: by their use, the name below data_dir, and the path.

    Empty where all data are made up. The paths are those that `texts.sources`, `market.prices` and `sentiment` read.
    """
    data_dir = Path(config.data_dir)
    if (own := _own_series(config)) is not None:
        return {"series": own} if own[1].is_file() else {}
    if kind_of(config) is not TEXTS:
        return dict(_first_there(_market_names(config), data_dir))
    own_texts = "reader" in config.data
    found = dict(_own_texts(config.data, data_dir) if own_texts else _first_there(_text_names(config.data), data_dir))
    if (encoder := encoder_of(config)) and Path(encoder).is_dir():
        found["encoder"] = Path(encoder).absolute().name, Path(encoder)
    return found


def content(config: DictConfig) -> Content:
    """The content of the files of a configuration that are there now."""
    return {use: {"file": name, "hash": _hash(path)} for use, (name, path) in data_files(config).items()}


def changed(config: DictConfig, trained_on: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The names of the files whose content is no longer what a run was trained on.

    A file that is missing now has not changed, and neither has one that an older version did not record.
    """
    files = data_files(config)
    both = [(files[use], there) for use, there in trained_on.items() if use in files]
    return [str(path) for (_, path), there in both if _hash(path) != there["hash"]]


def _first_there(names: Mapping[str, Sequence[str]], data_dir: Path) -> Iterator[tuple[str, tuple[str, Path]]]:
    """For each use the first of its files that is there."""
    for use, choices in names.items():
        for name in choices:
            path = CONF.parent / name if name == str(BUNDLED) else data_dir / name
            if path.is_file():
                yield use, (name, path)
                break


def _own_series(config: DictConfig) -> tuple[str, Path] | None:
    """The name and the path of the file of the user's own series, which may lie outside of data_dir."""
    if not is_own(config) or "file" not in config[SERIES]:
        return None
    name = config[SERIES].file
    data_dir = Path(config.data_dir)
    return known_as(name, data_dir), here_or_below(name, data_dir)


def _own_texts(data: DictConfig, data_dir: Path) -> Iterator[tuple[str, tuple[str, Path]]]:
    """The files of a user's own texts, and of a folder all that are in it; what comes from a hub is no file."""
    for key, use in OWN_FILES.items():
        name = data.get(key)
        path = None if name is None else here_or_below(name, data_dir)
        if path is not None and path.is_file():
            yield use, (known_as(name, data_dir), path)
        elif path is not None and path.is_dir():
            for file in sorted(path.rglob("*")):
                if file.is_file() and not file.name.startswith("cache-"):
                    below = file.relative_to(path).as_posix()
                    yield f"{use}/{below}", (f"{known_as(name, data_dir)}/{below}", file)


def _text_names(data: DictConfig) -> dict[str, list[str]]:
    """In the order in which they are looked for."""
    if data.get("instead"):
        return {"data": [data.instead]}
    return {"data": [str(BUNDLED)] if data.file is None else [data.file, *filter(None, [data.get("unzipped")])]}


def _market_names(config: DictConfig) -> dict[str, list[str]]:
    if config.source == "synthetic":
        return {}
    names: dict[str, list[str]] = {}
    symbols = {market: symbol for market, (symbol, _) in MARKETS.items()}
    if is_own(config):
        symbols = {symbol: symbol for symbol in config[SERIES].symbols}
    span = DateRange.parse(config.start, config.end)
    for market, symbol in symbols.items():
        names[market] = [f"market/{by_hand(symbol)}", f"market/{downloaded(symbol, span)}"]
    given: dict[str, Any] = {group: OmegaConf.to_container(config[group]) for group in DAILY if group in config}
    return names | {
        group: [given[group]["file"]] for group in given if group in config.features.series and given[group].get("file")
    }


def _hash(path: Path) -> str:
    """The hash of a file; of a folder, that of the names and hashes of its files."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        inside = "".join(f"{file.relative_to(path).as_posix()} {_hash(file)}\n" for file in files)
        return f"sha256:{hashlib.sha256(inside.encode()).hexdigest()}"
    return content_hash(path)
