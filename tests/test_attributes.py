"""What a class says of its fields, wherever it says it."""

from __future__ import annotations

from attrs import frozen

from taskfusion.attributes import descriptions, summary


@frozen
class Base:
    """A base: with a colon.

    More of it.

    Attributes:
        first: what
            it is.
        second: another.

    Raises:
        ValueError: never.
    """

    first: int = 0
    second: int = 0
    third: int = 0
    """Below the field,
    over two lines."""
    fourth: int = 0


@frozen
class Child(Base):
    """Only this.

    Attributes:
        second: told anew.
        fifth: its own.
    """

    fifth: int = 0
    # a comment is no description
    sixth: int = 0


def test_both_ways_to_describe_a_field_are_read():
    assert descriptions(Base) == {
        "first": "what it is.",
        "second": "another.",
        "third": "Below the field, over two lines.",
    }


def test_inherited_descriptions_stay_unless_told_anew():
    assert descriptions(Child) == {**descriptions(Base), "second": "told anew.", "fifth": "its own."}


def test_a_class_without_a_source_or_a_docstring_says_nothing():
    assert descriptions(type("Made", (), {})) == {}


def test_a_summary_ends_where_the_sections_begin():
    assert summary(Base.__doc__) == "A base: with a colon. More of it."
    assert summary("One\n    line.") == "One line." and summary("") == ""
