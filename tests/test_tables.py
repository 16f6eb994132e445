"""Tables people bring: read with row numbers, text kept as text, errors that name file, row and column."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskfusion.cases import Case
from taskfusion.errors import DataError
from taskfusion.tables import case_ids, find_columns, metadata_frame, need_columns, numbers, read_table, refuse_twice


@pytest.fixture
def write(tmp_path):
    """Write a CSV and return its path."""

    def write(text, name="t.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_ids_keep_zeros_and_names_that_look_empty(write):
    frame = read_table(write("id,p\n007,1\nNA,2\n1e5,3\n"), ("id",))
    assert case_ids(frame, ("id",)) == ["007", "NA", "1e5"]


def test_ids_join_columns(write):
    assert case_ids(read_table(write("id,side\n012,L\n012,R\n"), ("id", "side")), ("id", "side")) == ["012-L", "012-R"]


def test_empty_id(write):
    path = write("id,p\n7,1\n\n,2\n")
    expected = f"{path}, row 4, column 'id' is empty; every row needs an id"
    with pytest.raises(DataError, match=re.escape(expected)):
        case_ids(read_table(path, ("id",)), ("id",), str(path))


def test_index_is_the_row_of_the_file(write):
    assert read_table(write("a\n1\n\n2\n\n")).index.tolist() == [2, 4]


def test_row_numbers_with_line_breaks_inside_cells(write):
    assert read_table(write('a,b\n1,"x\ny"\n2,z\n')).index.tolist() == [2, 3]


def test_byte_order_mark_and_tabs(write):
    assert list(read_table(write("\ufeffa\tb\n1\t2\n", "t.tsv")).columns) == ["a", "b"]


def test_parquet_reads_like_csv(tmp_path):
    pd.DataFrame({"id": [7.0, None], "n": ["x", None], "p": [0.5, 1]}).to_parquet(tmp_path / "t.parquet")
    frame = read_table(tmp_path / "t.parquet", ("id", "n"))
    assert frame.to_dict("list") == {"id": ["7", ""], "n": ["x", ""], "p": [0.5, 1]}
    assert frame.index.tolist() == [2, 3]


@pytest.mark.parametrize(
    "text, name, message",
    [
        ("", "t.csv", "table not readable: PATH: No columns to parse from file"),
        ("a,b\n", "t.csv", "table without rows: PATH"),
        ("a,a\n1,2\n", "t.csv", "PATH: two columns are called 'a'"),
        ("a\n1,2\n", "t.csv", "table not readable: PATH: rows have more cells than the header"),
        ("a,b\n1,2\n1,2,3\n", "t.csv", "table not readable: PATH: Error tokenizing data"),
        (b"a\n\xff\xfe\n", "t.csv", "table not readable: PATH: 'utf-8' codec can't decode"),
        ("nonsense", "t.parquet", "table not readable: PATH: "),
        ("a\n1\n", "t.xls", "table of unknown kind: PATH; expected .csv, .tsv, .parquet, .pq"),
    ],
)
def test_unusable_files(write, text, name, message):
    path = write(text, name)
    with pytest.raises(DataError, match=re.escape(message.replace("PATH", str(path)))):
        read_table(path)


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"table not found: .*none\.csv"):
        read_table(tmp_path / "none.csv")


def test_missing_column(write):
    path = write("case_id,p\n1,2\n")
    expected = f"{path}: no column 'case_ID' (did you mean 'case_id'?); known: case_id, p"
    with pytest.raises(DataError, match=re.escape(expected)):
        read_table(path, ("case_ID",))
    with pytest.raises(DataError, match="x: no column 'q'; known: p"):
        need_columns(["p"], ["q"], "x")


def test_find_columns_in_table_order():
    columns = ["f2", "p[1]", "f1", "g"]
    assert find_columns(["g", "f*"], columns, "t") == ("f2", "f1", "g")
    assert find_columns(["p[1]"], columns, "t") == ("p[1]",)
    assert find_columns([], columns, "t") == ()
    with pytest.raises(DataError, match=r"t: no column matches 'h\*'; known: f1, f2, g, p\[1\]"):
        find_columns(["h*"], columns, "t")


def test_numbers_of_all_kinds(write):
    frame = read_table(write("a,b,c\n1,0.5,True\n2,,False\n"))
    np.testing.assert_array_equal(numbers(frame, ("a", "b", "c"), "t"), [[1, 0.5, 1], [2, np.nan, 0]])


def test_numbers_written_as_text(write):
    frame = read_table(write("a\n 1 \n\n2\n"), ("a",))
    np.testing.assert_array_equal(numbers(frame, ("a",), "t"), [[1], [2]])


def test_no_number(write):
    with pytest.raises(DataError, match="t, row 3, column 'a' is 'high'; expected a number"):
        numbers(read_table(write("a,b\n1,2\nhigh,2\n")), ("b", "a"), "t")


def test_rows_about_the_same(write):
    frame = read_table(write("a\n1\n2\n\n1\n"))
    refuse_twice(frame, np.arange(3), "t", str)
    with pytest.raises(DataError, match="t, rows 2 and 5 are both about case '1'"):
        refuse_twice(frame, np.array([1, 2, 1]), "t", lambda row: "case '1'")


def test_metadata_frame():
    cases = [Case.of("a", x=1, y="t"), Case.of("b", z=2.5)]
    frame = metadata_frame(cases)
    assert list(frame.columns) == ["x", "y", "z"]
    np.testing.assert_array_equal(numbers(frame, ("x", "z"), "m"), [[1, np.nan], [np.nan, 2.5]])
    with pytest.raises(DataError, match="m, case a, column 'y' is 't'; expected a number"):
        numbers(metadata_frame(cases, ["y"]), ("y",), "m")


texts = st.text(st.characters(codec="utf-8", exclude_characters='\r\n\x00"'), min_size=1).filter(lambda t: t.strip())


@settings(settings.get_profile("heavy"))  # every example writes a file
@given(ids=st.lists(texts, min_size=1, max_size=8))
def test_any_text_survives(ids, tmp_path_factory):
    path = tmp_path_factory.mktemp("ids") / "t.csv"
    pd.DataFrame({"id": ids, "n": range(len(ids))}).to_csv(path, index=False)
    assert case_ids(read_table(path, ("id",)), ("id",)) == ids
