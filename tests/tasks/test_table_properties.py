"""Task ``table`` there and back: whatever a table says, the answers say, in any order of its rows."""

import numpy as np
import pandas as pd
from asking import answered, same
from hypothesis import given, settings
from hypothesis import strategies as st

from taskfusion.tasks.table import TableConfig, TableTask

BOX = ["xmin", "ymin", "xmax", "ymax"]


fraction = st.floats(0, 1, width=32)


@st.composite
def detections(draw):
    """A ragged table of detections: (case, view) cells with any number of rows, none too, and its rows shuffled."""
    counts = draw(st.lists(st.lists(st.integers(0, 3), min_size=2, max_size=2), min_size=1, max_size=4))
    rows = []
    for case, of_views in enumerate(counts):
        if not sum(of_views):
            rows.append({"case": f"0{case}"})
        for view, count in zip("LR", of_views, strict=True):
            for k in range(count):
                start, size = draw(st.integers(0, 50)), draw(st.integers(1, 50))
                box = dict(zip(BOX, (start + k * 1000, start, start + k * 1000 + size, start + size), strict=True))
                text = {"case": f"0{case}", "view": view, "label": draw(st.sampled_from(["mal", "ben"]))}
                rows.append({**text, **box, "score": draw(fraction), "f": draw(fraction)})
    frame = pd.DataFrame(rows, columns=["case", "view", "label", *BOX, "score", "f"])
    return frame, frame.iloc[draw(st.permutations(range(len(frame))))], len(counts)


def detection_task(frame, folder, kind):
    path = folder / f"t.{kind}"
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
    options = {"level": "detection", "features": ("f",), "views": ("L", "R"), "classes": ("ben", "mal")}
    return TableTask(TableConfig(path=path, **options))


def columns_of(output):
    """Detections back as sorted rows."""
    found, views = output.detections, output.spec.views
    cell = np.repeat(np.arange(len(found.offsets) - 1), found.counts())
    rows = zip(cell, found.labels, found.boxes.tolist(), found.scores, found.features[:, 0], strict=True)
    return sorted(
        (output.cases[c // len(views)], views[c % len(views)], output.spec.classes[label], *box, float(s), float(f))
        for c, label, box, s, f in rows
    )


@settings(settings.get_profile("heavy"))  # every example writes files
@given(drawn=detections())
def test_detections_there_and_back(drawn, tmp_path_factory):
    frame, shuffled, count = drawn
    folder, ids = tmp_path_factory.mktemp("there"), [f"0{k}" for k in range(count)]
    filled = frame.dropna(subset=["view"])
    if filled.empty:
        return
    output = answered(detection_task(frame, folder, "csv"), *ids)
    assert columns_of(output) == sorted(map(tuple, filled.itertuples(index=False)))
    same(answered(detection_task(shuffled, folder, "parquet"), *ids), output)
    order = list(reversed(range(count)))
    same(answered(detection_task(shuffled, folder, "csv"), *[ids[k] for k in order]), output.select(np.array(order)))


@settings(settings.get_profile("heavy"))  # every example writes files
@given(values=st.lists(st.tuples(fraction, fraction), min_size=1, max_size=9), data=st.data())
def test_cases_there_and_back(values, data, tmp_path_factory):
    ids = [f"{k:03d}" for k in range(len(values))]
    frame = pd.DataFrame(values, columns=["p", "q"]).assign(case=ids)
    path = tmp_path_factory.mktemp("there") / "t.csv"
    frame.iloc[data.draw(st.permutations(range(len(ids))))].to_csv(path, index=False)
    output = answered(TableTask(TableConfig(path=path, scores={"m": "p"}, features=("q",))), *ids)
    np.testing.assert_array_equal(output.scores[:, 0], np.array(values, np.float32)[:, 0])
    np.testing.assert_array_equal(output.features[:, 0], np.array(values, np.float32)[:, 1])
