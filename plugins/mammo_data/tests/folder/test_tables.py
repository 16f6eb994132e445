import json
from pathlib import Path

import attrs
import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from mammo_data.folder.plain import plain
from mammo_data.folder.tables import as_table

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), JSON), max_size=5))
def test_whatever_a_source_says_becomes_a_table_that_pandas_opens(rows):
    found = as_table([{"case": "x", **plain(row)} for row in rows], {"case": "string"}).to_pandas()
    assert len(found) == len(rows)
    assert list(found.columns) == ["case", *sorted({name for row in rows for name in row})]


@given(JSON)
def test_plain_is_json_and_stays_itself(value):
    once = plain(value)
    assert plain(json.loads(json.dumps(once))) == once


def test_plain_makes_one_thing_of_what_is_alike():
    @attrs.frozen
    class Point:
        x: int

    assert plain({"b": (1, np.float32(0.5)), "a": {3, 1}}) == {"a": [1, 3], "b": [1, 0.5]}
    assert plain([np.arange(2), Path("a/b"), float("nan")]) == [[0, 1], "a/b", None]
    assert plain(Point(4))["x"] == 4
    assert list(plain({"b": 1, "a": 2})) == ["a", "b"]
    assert plain(b"\0") == r"b'\x00'"


def test_columns_have_the_type_of_all_their_values():
    rows = [{"i": 1, "f": 1, "b": True, "m": 1, "n": [1, {"k": None}], "e": None}, {"f": 0.5, "b": False, "m": "x"}]
    found = as_table(rows, {})
    kinds = {name: str(found.schema.field(name).type) for name in found.column_names}
    assert kinds == {"b": "bool", "e": "string", "f": "double", "i": "int64", "m": "string", "n": "string"}
    assert found.column("m").to_pylist() == ["1", "x"]
    assert found.column("n").to_pylist() == ['[1, {"k": null}]', None]


def test_the_source_s_own_columns_come_last_and_never_hide_ours(make, made, folder):
    exam = {"metadata": {"density": "dense", "age": 50}, "lesions": (made.mass(subtlety=3, label="M"),)}
    make(made.Fake({"a": exam, "b": {}}), csv=True)
    cases = pd.read_parquet(folder / "cases.parquet")
    assert list(cases.columns)[-2:] == ["age", "density_given"] and cases["density"].tolist() == [-1, -1]
    lesion = pd.read_parquet(folder / "lesions.parquet").iloc[0]
    assert (lesion["label"], lesion["label_given"], lesion["subtlety"]) == ("malignant_mass", "M", 3)
    pd.testing.assert_frame_equal(
        pd.read_csv(folder / "views.csv"), pd.read_parquet(folder / "views.parquet"), check_dtype=False
    )
    make(made.Fake({"a": exam, "b": {}}))
    assert [path.name for path in folder.glob("*.csv")] == ["skipped.csv"]
