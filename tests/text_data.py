"""The hand-written text fixtures, laid out as their sources deliver them."""

import shutil
import zipfile
from pathlib import Path

FIXTURES = Path(__file__).parent / "fixtures"
OWN_SETS = ("csv", "hf")
"""The names of conf/data that stand for a user's own texts."""

BARE = ("crowd/text_emotion.csv", "hate/dataset.csv", "ag/train.csv", "semeval/2018-E-c-En-train.txt")
HASOC = ("english_dataset.tsv", "hasoc2019_en_test-2919.tsv")


def lay_out(data_dir: Path) -> Path:
    """Copy every fixture to `data_dir`/text, zipped if the source zips it."""
    text = data_dir / "text"
    for name in BARE:
        (text / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(FIXTURES / name, text / name)
    mlma = (FIXTURES / "mlma/en_dataset.csv").read_bytes()
    make_zip(
        text / "mlma/hate_speech_mlma.zip",
        {
            "hate_speech_mlma/fr_dataset.csv": b"another language",
            "hate_speech_mlma/en_dataset.csv": mlma,
            "hate_speech_mlma/en_dataset_with_stop_words.csv": mlma.replace(b"loud", b"the loud"),
        },
    )
    hasoc = {name: (FIXTURES / "hasoc" / name).read_bytes() for name in HASOC}
    make_zip(
        text / "hasoc/english_dataset.zip",
        {
            "__MACOSX/english_dataset/._english_dataset.tsv": b"what macOS adds",
            **{f"english_dataset/{name}": content for name, content in hasoc.items()},
        },
    )
    return data_dir


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    """Write a zip archive with these members."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path
