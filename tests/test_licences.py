"""Licences of dependencies, by the words that packages use for them."""

import pytest
from versions import fits


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        *((licence, True) for licence in ("MIT License", "BSD 3", "Apache-2.0 OR BSD-3-Clause", "MPL-2.0 AND MIT")),
        ("Mozilla Public License 2.0 (MPL 2.0)", True),
        *((licence, False) for licence in ("GPL-3.0-or-later", "LGPL", "MIT AND GPL-3.0-only", "UNLIMITED", "")),
        ("LicenseRef-NVIDIA-Proprietary", False),
    ],
)
def test_a_licence_that_binds_more_than_its_own_files_is_seen(licence: str, expected: bool) -> None:
    assert fits(licence) == expected
