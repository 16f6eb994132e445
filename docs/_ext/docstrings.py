"""Habits of our code that Sphinx does not expect.

Types stand in annotations only, so a colon in ``Returns:`` or in the first line of a property ends no type; names are
short: ``DataError``, not ``taskfusion.errors.DataError``; and attrs makes some defaults anew for each object.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PyObject
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

COLON = "\N{MODIFIER LETTER COLON}"  # stands for a colon while napoleon looks for types
BEFORE_NAPOLEON, AFTER_NAPOLEON = 400, 600


def hide_colons(_: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Leave napoleon no colon where we never write a type."""
    if what in ("property", "attribute") and lines:
        lines[0] = lines[0].replace(":", COLON)
    inside = False
    for k, line in enumerate(lines):
        inside = line.startswith("Returns:") or (inside and line.startswith((" ", "\t")))
        if inside and not line.startswith("Returns:"):
            lines[k] = line.replace(":", COLON)


def show_colons(_: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Put them back."""
    lines[:] = [line.replace(COLON, ":") for line in lines]


def name_made_defaults(
    _: Sphinx, what: str, name: str, value: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """``progress: Progress = ...`` for a default that attrs makes anew for each object."""
    return signature and signature.replace("= NOTHING", "= ..."), returns


def link_short_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.Node | None:
    """A link to the one documented class or exception of that name, if there is one."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or node.get("reftype") not in ("class", "exc") or "." in target:
        return None
    objects = env.domains.python_domain.objects
    found = {(entry.docname, entry.node_id) for name, entry in objects.items() if name.split(".")[-1] == target}
    if len(found) != 1:
        return None
    docname, place = found.pop()
    return make_refnode(app.builder, node["refdoc"], docname, place, content)


def setup(app: Sphinx) -> dict[str, Any]:
    """Listen for docstrings, signatures and unknown names; call attributes so, where Sphinx says "Variables"."""
    app.connect("autodoc-process-docstring", hide_colons, BEFORE_NAPOLEON)
    app.connect("autodoc-process-docstring", show_colons, AFTER_NAPOLEON)
    app.connect("autodoc-process-signature", name_made_defaults)
    app.connect("missing-reference", link_short_name)
    next(field for field in PyObject.doc_field_types if field.name == "variable").label = "Attributes"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
