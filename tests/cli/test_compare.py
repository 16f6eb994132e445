"""``taskfusion compare`` as somebody types it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from taskfusion.cli import main


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    truth = np.arange(80) % 2
    rows = [
        (
            f"c{i}",
            f"g{i}",
            split,
            fuser,
            "ill",
            truth[i],
            round(float(np.clip(rng.normal(0.4 + k * truth[i], 0.1), 0, 1)), 3),
        )
        for fuser, k in (("good", 0.3), ("bad", 0.0))
        for i, split in enumerate(["validation"] * 30 + ["test"] * 50)
    ]
    path = tmp_path / "mine.csv"
    columns = ["case", "group", "split", "fuser", "target", "truth", "score"]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    return path


def test_prints_the_table_and_who_won(table, capsys):
    main(["compare", str(table), "--replicates", "200"])
    out = capsys.readouterr().out
    assert "test split" in out and "ill: good is better than every other (corrected for all pairs)" in out


def test_prints_and_writes_what_it_is_asked_for(table, capsys, tmp_path):
    main(["compare", str(table), "--replicates", "50", "--format", "markdown", "-o", str(tmp_path / "out")])
    out = capsys.readouterr().out
    assert (
        out.startswith("### ill: performance") and (tmp_path / "out" / "tables.md").read_text().strip() == out.strip()
    )
    main(["compare", str(table), "--replicates", "50", "--format", "latex"])
    assert r"\begin{tabular}" in capsys.readouterr().out
    main(["compare", str(table), "--replicates", "50", "--format", "csv", "--split", "validation"])
    assert ",validation," in capsys.readouterr().out


def test_nobody_wins_where_it_is_not_shown(table, capsys):
    main(["compare", str(table), "--replicates", "200", "--alpha", "1e-90"])
    assert "ill: no fuser is shown to be better than every other" in capsys.readouterr().out


def test_a_mistake_is_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["compare", str(tmp_path)])
    error = capsys.readouterr().err
    assert error == f"error: {tmp_path} holds no predictions.csv; expected the folder of a finished run\n"
