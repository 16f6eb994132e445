"""Lines of user code: what stands between the marks of an adapter, without blank lines, comments and docstrings."""

from __future__ import annotations

import ast
import re
from pathlib import Path

START, END = "# user code", "# end of user code"


def user_lines(source: str, label: str = "") -> int:
    """Lines between ``# user code`` and its end; with a label only of marks that name it."""
    return sum(_lines(block) for names, block in _blocks(source) if not label or label in names)


def adapter_lines(path: Path, padding: Path, label: str = "") -> int:
    """The lines of an adapter, and those of the padding where it goes by the padded table."""
    source = path.read_text(encoding="utf-8")
    own = user_lines(source, label)
    return own + (user_lines(padding.read_text(encoding="utf-8")) if "bench.peers.padding" in source else 0)


def _blocks(source: str) -> list[tuple[list[str], str]]:
    found = re.findall(rf"^{START}([^\n]*)\n(.*?)^{END}$", source, re.MULTILINE | re.DOTALL)
    return [(names.split(), block) for names, block in found]


def _lines(block: str) -> int:
    tree = ast.parse(block)
    left_out = {line for node in ast.walk(tree) for line in _docstring(node)}
    lines = enumerate(block.splitlines(), start=1)
    return sum(1 for k, line in lines if k not in left_out and line.strip() and not line.strip().startswith("#"))


def _docstring(node: ast.AST) -> range:
    if not isinstance(node, ast.FunctionDef | ast.ClassDef) or ast.get_docstring(node) is None:
        return range(0)
    return range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
