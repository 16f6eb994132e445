"""What a class says of its fields: the section ``Attributes`` of its docstring, or a text below a field."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import textwrap

FIELD = re.compile(r"^ {4}(\w+(?:, \w+)*): (.*)$")  # in a docstring without its own indentation; one or more fields


def summary(text: str) -> str:
    """A docstring up to its first section, on one line."""
    before = re.split(r"\n\s*\n?\s*(?:Attributes|Args|Raises):\s*\n", text)[0]
    return " ".join(before.split())


def descriptions(cls: type) -> dict[str, str]:
    """Field to text, inherited ones too; those nearest to the class win."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__[:-1]):
        found |= _below_fields(base) | _section(base.__doc__ or "")
    return found


def _section(docstring: str) -> dict[str, str]:
    """The lines of ``Attributes:``; a deeper indented line goes on with the text before it."""
    _, _, after = inspect.cleandoc(docstring).partition("Attributes:\n")
    found: dict[str, str] = {}
    names: list[str] = []
    for line in itertools.takewhile(lambda line: not line.strip() or line.startswith(" "), after.splitlines()):
        start = FIELD.match(line)
        if start:
            names = start[1].split(", ")
            found |= dict.fromkeys(names, start[2])
        elif line.strip():
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return found


def _below_fields(cls: type) -> dict[str, str]:
    """Texts that stand below fields, which are not there at run time: read from the source, where it is there."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):
        return {}
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    pairs = itertools.pairwise(body)
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in pairs
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
