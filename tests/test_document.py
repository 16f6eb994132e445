"""A file, what it extends, and --set: one piece, and every part of it knows where it comes from."""

from __future__ import annotations

import pytest

from taskfusion.document import document_of, load_document
from taskfusion.errors import SpecError


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes ``name=text`` files into a folder that is the current one."""
    monkeypatch.chdir(tmp_path)

    def files(**texts):
        for name, text in texts.items():
            path = tmp_path / f"{name.replace('__', '/')}.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)

    return files


def problems(name, *overrides):
    return [str(problem) for problem in load_document(name, overrides).problems]


def test_sections_are_merged_and_the_child_wins(write):
    write(
        base="seed: 1\ntitle: old\ncohort: {reader: toy, cases: 60}\ntasks: {a: {task: t, x: 1, y: {z: 1, w: 2}}, b: }",
        s="extends: base.yaml\ntitle: new\ntasks: {a: {x: 2, y: {z: 3}}, c: {task: u}}\ncohort: {cases: 90}",
    )
    assert load_document("s.yaml").data == {
        "seed": 1,
        "title": "new",
        "cohort": {"reader": "toy", "cases": 90},
        "tasks": {"a": {"task": "t", "x": 2, "y": {"z": 3, "w": 2}}, "b": None, "c": {"task": "u"}},
    }


def test_lists_are_replaced_and_null_deep_down_is_a_value(write):
    write(base="targets: [a, b]\ncohort: {split: {train: 1}}", s="extends: base.yaml\ntargets: [c]\ncohort: {split: }")
    assert load_document("s.yaml").data == {"targets": ["c"], "cohort": {"split": None}}


def test_null_removes_an_inherited_section_or_entry(write):
    write(base="evaluation: {seed: 1}\ntasks: {a: , b: }\nfusers: {P: {C: 1}}")
    write(s="extends: base.yaml\nevaluation:\ntasks: {a: }\nfusers: {P: , Q: }")
    assert load_document("s.yaml").data == {"tasks": {"b": None}, "fusers": {"Q": None}}
    assert load_document("s.yaml", ["fusers.Q=", "tasks.b.x=1"]).data["fusers"] == {}


def test_an_entry_of_another_kind_starts_anew(write):
    tasks, fusers = "tasks: {a: {task: t, x: 1}, b: {x: 1}}", "fusers: {P: {fuser: f, C: 1}}"
    write(base=f"cohort: {{reader: table, path: x.csv}}\n{tasks}\n{fusers}")
    tasks, fusers = "tasks: {a: {task: t, y: 1}, b: {task: c}}", "fusers: {P: {fuser: g}}"
    write(s=f"extends: base.yaml\ncohort: {{reader: toy}}\n{tasks}\n{fusers}")
    found = load_document("s.yaml").data
    assert found["cohort"] == {"reader": "toy"} and found["fusers"] == {"P": {"fuser": "g"}}
    assert found["tasks"] == {"a": {"task": "t", "x": 1, "y": 1}, "b": {"task": "c"}}


def test_the_name_of_a_run_is_not_inherited(write):
    write(base="name: base\nseed: 1", s="extends: base.yaml")
    assert load_document("s.yaml").data == {"seed": 1}


def test_several_parents_and_theirs_in_other_folders(write):
    write(root="a: 1\nb: 1\nc: 1", sub__one="extends: ../root.yaml\nb: 2", sub__two="c: 3")
    write(s="extends: [sub/one.yaml, sub/two.yaml]\nd: 4")
    document = load_document("s.yaml")
    assert document.data == {"a": 1, "b": 2, "c": 3, "d": 4}
    assert [document.place((key,)).source for key in "abcd"] == ["root.yaml", "sub/one.yaml", "sub/two.yaml", "s.yaml"]
    assert [document.place((key,)).base.name for key in "bcd"][:2] == ["sub", "sub"]


def test_mistakes_of_parents_are_named_by_their_files(write):
    write(base="a: 1\na: 2", other="[", s="extends: [base.yaml, other.yaml, gone.yaml, base.yaml, 3, '']\nb: 1\nb: 2")
    assert problems("s.yaml") == [
        "s.yaml:3:1: b: this key stands here twice",
        "s.yaml:1:56: extends[4]: expected the path of a spec or a list of them, found 3",
        "s.yaml:1:59: extends[5]: expected the path of a spec or a list of them, found ''",
        "base.yaml:2:1: a: this key stands here twice",
        "other.yaml:1:2: not valid YAML: expected the node content, but found '<stream end>'",
        "s.yaml:1:34: extends[2]: spec not found: gone.yaml",
    ]
    write(t="extends: {a: 1}\nx: 1", u="extends:\nx: 1")
    assert "extends: expected the path of a spec or a list of them, found {'a': 1}" in problems("t.yaml")[0]
    assert load_document("u.yaml").data == {"x": 1}


def test_specs_that_extend_each_other_in_a_circle(write):
    write(a="extends: b.yaml", b="extends: c.yaml", c="extends: b.yaml", d="extends: d.yaml")
    assert problems("a.yaml") == ["c.yaml:1:1: extends: specs extend each other in a circle: b.yaml → c.yaml → b.yaml"]
    assert problems("d.yaml") == ["d.yaml:1:1: extends: specs extend each other in a circle: d.yaml → d.yaml"]


def test_each_parent_is_read_once_and_a_long_line_of_them_ends(write):
    """Two parents each, twenty deep: a million readings if each were read whenever it is named."""
    write(**{f"p{n}": f"extends: [p{n + 1}.yaml, p{n + 1}.yaml]" for n in range(19)}, p19="a: 1")
    assert load_document("p0.yaml").data == {"a": 1}
    write(**{f"q{n}": f"extends: q{n + 1}.yaml" for n in range(30)}, q30="a: 1")
    assert any("specs extend each other over more than 20 files" in problem for problem in problems("q0.yaml"))


def test_assignments(write):
    write(s="a: {b: [1, {c: 2}], d: }\nx.y: {z: 1}")
    overrides = ["a.b[1].c=3", "a.b.0=[5]", "a.d.e.f=yes", '"x.y".z={w: 1}', "n=", 'q."=".r=a=b']
    assert load_document("s.yaml", overrides).data == {
        "a": {"b": [[5], {"c": 3}], "d": {"e": {"f": "yes"}}},
        "x.y": {"z": {"w": 1}},
        "n": None,
        "q": {"=": {"r": "a=b"}},
    }
    document = load_document("s.yaml", ["a.b[1].c=3"])
    assert document.place(("a", "b", 1, "c")).source == "--set 'a.b[1].c=3'"
    assert (document.place(("a", "b", 0)).line, document.place(("a", "b", 0)).column) == (1, 9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", 'expected KEY.KEY=VALUE, a name with dots in quotes: tasks."a.b".columns[0]=x'),
        ("=1", "expected KEY.KEY=VALUE"),
        ("a..b=1", "expected KEY.KEY=VALUE"),
        (".".join("a" * 50) + "=1", "expected KEY.KEY=VALUE"),
        ("a.b.2=1", "a.b is a list and its items are 0 to 1; found '2'"),
        ("a.b.x=1", "a.b is a list and its items are 0 to 1; found 'x'"),
        ("a.e[0]=1", "a.e is a list and it is empty; found '0'"),
        ("name.x=1", "name is 'N', so it has no x"),
        ("a.b.1.c.d=1", "a.b[1].c is 2, so it has no d"),
        ("a=[", "not valid YAML: expected the node content, but found '<stream end>'"),
        ("extends=base.yaml", "extends stands in a file; the command line changes what comes of it"),
        ("a=!x 1", "a: tag '!x' is not allowed; a spec is plain data"),
    ],
)
def test_assignments_that_cannot_be(write, text, message):
    write(s="a: {b: [1, {c: 2}], e: []}\nname: N")
    assert problems("s.yaml", text)[0].startswith(f"--set {text!r}: {message}")
    if not text.startswith("a=!"):
        assert load_document("s.yaml", [text]).data == {"a": {"b": [1, {"c": 2}], "e": []}, "name": "N"}


def test_overrides_leave_the_file_alone(write):
    write(s="a: {b: 1}")
    assert load_document("s.yaml", ["a.b=2"]).data == {"a": {"b": 2}} and load_document("s.yaml").data == {
        "a": {"b": 1}
    }


def test_a_document_of_text():
    document = document_of("a: {b: 1}", "text")
    assert document.data == {"a": {"b": 1}} and str(document.problem(("a", "c"), "no")) == "text:1:1: a.c: no"
    with pytest.raises(SpecError, match=r"text: is empty"):
        document_of("", "text")
