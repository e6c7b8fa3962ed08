"""Whether runs that are compared learnt from the same versions of their data files."""

from pathlib import Path

import pandas as pd

from cells.errors import UserError
from training.run.folder.provenance import trained_on


def refuse_versions(rows: pd.DataFrame, label: str) -> None:
    """Refuse runs of one comparison that learnt from different versions of a data file.

    Two kinds of runs are compared: those with the same settings, by their files of the same use; and those on the same
    data set, or any on the market, by their files of the same name. Runs of older versions have no record of their
    files, and neither have those in an archive, which were looked at when it was made.

    Args:
        rows: columns folder, settings and `label`.
        label: "data" or "features".

    Raises:
        UserError: names the file and two runs.
    """
    seen: dict[tuple[str, ...], tuple[str, str]] = {}
    for folder, settings, name in rows.drop_duplicates("folder")[["folder", "settings", label]].astype(str).to_numpy():
        for use, file in trained_on(Path(folder)).items():
            for key in ((name, settings, use), (name if label == "data" else "", file["file"])):
                first, version = seen.setdefault(key, (folder, file["hash"]))
                if version != file["hash"]:
                    raise UserError(
                        f"{first} and {folder} were trained on different versions of {file['file']}: remove the runs "
                        "of one version and repeat their command."
                    )
