"""YAML: read as 1.2, plain data only, every mistake with its line and column, bounded in size."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from taskfusion.errors import SpecError
from taskfusion.yamlfile import MAX_BYTES, MAX_DEPTH, dump_yaml, parse_value, parse_yaml, read_yaml
from taskfusion.yamltree import Place, places, plain


def data(text):
    file = parse_yaml(text, "s")
    assert not file.problems
    return plain(file.root)


def problems(text):
    return [str(problem) for problem in parse_yaml(text, "s").problems]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", "yes"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("1e-4", 1e-4),
        ("1.", 1.0),
        (".5", 0.5),
        ("010", 10),
        ("0x1F", 31),
        ("0o17", 15),
        ("-3", -3),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2026-01-31", "2026-01-31"),
        ("~", None),
        ("", None),
        ("-.inf", float("-inf")),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("!!int '1'", 1),
        ("!!float 1", 1.0),
        ("<<", "<<"),
        ("=", "="),
    ],
)
def test_values_are_read_as_yaml_1_2(written, value):
    found = data(f"x: {written}")["x"]
    assert found == value and type(found) is type(value)


def test_keys_are_the_text_that_stands_there():
    assert data("yes: 1\n1: 2\n1.0: 3\n~: 4\ntrue: 5") == {"yes": 1, "1": 2, "1.0": 3, "~": 4, "true": 5}


def test_aliases_and_merge_keys_are_written_out():
    text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: *a, x: 5}\nd: {<<: [*a, *b], w: 6}\ne: [*a]"
    found = data(text)
    assert found["c"] == {"x": 5, "y": 2} and found["d"] == {"x": 1, "y": 2, "z": 4, "w": 6}
    assert found["e"] == [{"x": 1, "y": 2}]


def test_every_part_knows_where_it_stands():
    file = parse_yaml("a: {b: 1,\n  c: [x,\n   y: z]}\n", "s", Path("/base"))
    found = {keys: (place.line, place.column) for keys, place in places(file.root)}
    assert found == {
        (): (1, 1),
        ("a",): (1, 1),
        ("a", "b"): (1, 5),
        ("a", "c"): (2, 3),
        ("a", "c", 0): (2, 7),
        ("a", "c", 1): (3, 4),
        ("a", "c", 1, "y"): (3, 4),
    }
    assert {place.base for _, place in places(file.root)} == {Path("/base")}


def test_mistakes_that_do_not_stop_the_reading_come_together():
    text = "a: 1\nb: {c: 1, c: 2}\na: 2\n? [x]\n: 1\n'': 2\nd: !x 1\ne: !!set {f}\n!y g: 1\nh: {<<: 3}\ni: !!int x\n"
    assert problems(text) == [
        "s:2:11: b.c: this key stands here twice",
        "s:3:1: a: this key stands here twice",
        "s:4:3: expected a key of at most 200 characters, found a list or mapping",
        "s:6:1: expected a key of at most 200 characters, found nothing",
        "s:7:1: d: tag '!x' is not allowed; a spec is plain data",
        "s:8:1: e: tag '!!set' is not allowed; a spec is plain data",
        "s:9:1: g: tag '!y' is not allowed; a spec is plain data",
        "s:10:5: h.<<: expected a mapping to merge, found 3",
        "s:11:1: i: 'x' cannot be read as int",
    ]
    assert "found one of 300 characters" in problems(f"{'k' * 300}: 1")[0]
    assert problems(f"k: {'9' * 5000}") == ["s:1:1: k: '99999999999999999999… (5000 digits)' cannot be read as int"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", r"^s:1:6: not valid YAML: expected ',' or '\]', but got '<stream end>'$"),
        ("a:\n\tb: 1", r"^s:2:1: not valid YAML: .*YAML indents with spaces, not with tabs"),
        ("a: *b", r"^s:1:4: not valid YAML: found undefined alias 'b'$"),
        ("a: 1\n--- \nb: 1", r"^s:2:1: not valid YAML: but found another document$"),
        ("a: \x07", r"^s:1:4: not valid YAML: character U\+0007 is not allowed$"),
        ("a: 1\nb: \ud800", r"^s:2:4: not valid YAML: character U\+D800 is not allowed$"),
        ("a: &a [*a]", r"^s:1:4: an alias \(\*\) stands inside what it refers to$"),
        ("a: " + "[" * 60, rf"^s:1:\d+: not valid YAML: nested more than {MAX_DEPTH} levels$"),
        ("- 1", r"^s: expected a mapping with cohort, tasks and fusers, found a list$"),
        ("3", r"^s: expected a mapping with cohort, tasks and fusers, found 3$"),
        ("!x 3", r"^s:1:1: tag '!x' is not allowed"),
        ("", r"^s: is empty; expected a mapping with cohort, tasks and fusers$"),
        ("# nothing\n", r"^s: is empty"),
    ],
)
def test_what_stops_the_reading(text, message):
    with pytest.raises(SpecError, match=message):
        parse_yaml(text, "s")


def test_an_alias_bomb_goes_off_nowhere():
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    with pytest.raises(SpecError, match=r"with aliases \(\*\) written out there are more than 50000 values"):
        parse_yaml("\n".join(lines), "s")
    deep = ["a0: &a0 [1]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 60)]
    with pytest.raises(SpecError, match=r"nested more than 40 levels"):
        parse_yaml("\n".join(deep), "s")


def test_files_that_cannot_be_read(tmp_path):
    path = tmp_path / "s.yaml"
    for content, message in (
        (b"\xff\xfea\x00", r"s.yaml:1:1: spec not readable: byte 0xff is not UTF-8; save the file as UTF-8"),
        (b"a: 1\nb: caf\xe9", r"s.yaml:2:7: spec not readable: byte 0xe9 is not UTF-8"),
        (b"a: " + b"1" * MAX_BYTES, r"s.yaml: 1000003 bytes; a spec has at most 1000000"),
    ):
        path.write_bytes(content)
        with pytest.raises(SpecError, match=message):
            read_yaml(path)
    for wrong, message in (
        (tmp_path / "gone.yaml", r"spec not found: .*gone.yaml"),
        (tmp_path, r"spec is a folder, not a file: "),
        (tmp_path / ("x" * 300), r"spec not (found|readable): "),
    ):
        with pytest.raises(SpecError, match=message):
            read_yaml(wrong)


def test_a_byte_order_mark_is_no_part_of_the_spec(tmp_path):
    (tmp_path / "s.yaml").write_bytes(b"\xef\xbb\xbfa: 1\na: 2")
    file = read_yaml(tmp_path / "s.yaml")
    assert plain(file.root) == {"a": 1} and str(file.problems[0]).endswith("s.yaml:2:1: a: this key stands here twice")
    assert places(file.root).__next__()[1].base == tmp_path


def test_a_value_alone_has_the_place_it_is_given():
    place = Place("--set 'x'", Path())
    node, found = parse_value("{a: [1], a: 2}", place)
    assert plain(node) == {"a": [1]} and {p for _, p in places(node)} == {place}
    assert [str(problem) for problem in found] == ["--set 'x': a: this key stands here twice"]
    assert plain(parse_value("", place)[0]) is None


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["yes", "1e-4", "1:30", "2026-01-31", "~", "<<", "010", ".inf", "null"]
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(NAMES, DATA, min_size=1, max_size=3))
def test_what_is_written_reads_back_the_same_here_and_by_readers_of_yaml_1_1(tree):
    text = dump_yaml(tree)
    assert data(text) == tree == yaml.safe_load(text)


@given(st.text(max_size=80))
def test_any_text_gives_data_or_one_clear_error(text):
    try:
        file = parse_yaml(text, "x.yaml")
        assert isinstance(file.root.value, dict)
    except SpecError as error:
        assert str(error).startswith("x.yaml")
