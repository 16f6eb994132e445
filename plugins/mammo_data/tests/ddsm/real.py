"""Where the real texts lie on a developer's machine, beside the project; absent everywhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

DATA = Path(__file__).parents[5] / "shared" / "data"


def needs(folder: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        not (DATA / folder).is_dir(), reason=f"the public files of {folder} are not beside the project"
    )
