"""The page docs/mammography.md, followed by somebody who has the archives of ``folder.archives`` on the disk."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from folder.archives import write_cbis, write_ddsm, write_dicom

from mammo_data.commands import command
from mammo_data.synthetic import SyntheticConfig, generate_exam
from taskfusion.images import write_png

PAGE = Path(__file__).parents[3] / "docs" / "mammography.md"
START = "taskfusion mammo "


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines()]


def write_images(folder: Path) -> None:
    """Four views and a table, as the page's spec names them, and the spec."""
    images = generate_exam(1, 1, SyntheticConfig(height=64, width=48)).images
    for view, pixels in images.items():
        write_png(folder / "images" / f"{view}.png", pixels)
    lines = [f"e1,p1,{view},{view}.png,0" for view in images]
    (folder / "images.csv").write_text("\n".join(["exam,patient,view,file,cancer", *lines]))
    (folder / "images.yaml").write_text(next(block for block in blocks("yaml") if "mammograms" in block))


@pytest.mark.slow
def test_every_command_of_the_page_does_what_it_says(tmp_path, monkeypatch):
    for write, name in ((write_ddsm, "ddsm"), (write_cbis, "cbis"), (write_dicom, "clinic")):
        write(tmp_path / name)
    write_images(tmp_path)
    monkeypatch.chdir(tmp_path)
    for line in commands():
        assert line.startswith(START), line
        words = shlex.split(line.removeprefix(START))
        quick = [] if words[0] == "look" else ["--jobs", "1"]
        done = CliRunner().invoke(command, [*words, *quick])
        assert done.exit_code == 0, f"{line}\n{done.output}{done.exception}"
    assert (tmp_path / "contact-sheet.jpg").is_file() and (tmp_path / "cohorts/ddsm/cases.csv").is_file()
    assert {path.name for path in (tmp_path / "cohorts").iterdir()} == {
        "synthetic", "trial", "ddsm", "cbis", "cbis-official", "clinic"
    }  # fmt: skip


def test_the_specs_of_the_page_name_readers_of_this_package():
    from mammo_data import plugin
    from taskfusion.plugins import build_registry

    registry = build_registry([plugin], entry_points=False)
    found = [yaml.safe_load(block)["cohort"] for block in blocks("yaml")]
    assert [one["reader"] for one in found] == ["mammograms", "cohort"]
    for one in found:
        registry.create("reader", one.pop("reader"), one)


def test_every_column_the_page_names_is_one():
    from mammo_data.folder.tables import COLUMNS

    text = PAGE.read_text()
    for table, columns in COLUMNS.items():
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{table}.parquet`")]
        named = re.findall(r"`(\w+)`", row.split("|")[2])
        assert set(columns) <= set(named), table
