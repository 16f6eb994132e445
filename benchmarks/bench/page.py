"""``docs/benchmarks.md`` out of what the sections wrote.

A section's JSON says ``title``, ``text`` (sentences) and ``tables`` (``title``, ``columns``, ``rows``, ``note``);
``data`` is for machines and is not printed. Where a ``.md`` lies beside the JSON, that is printed instead. JSON of any
other shape is printed as it is: lists of mappings as tables, the rest line by line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

KNOWN = {"title", "text", "tables", "data"}
DEEPEST = 4  # of headings


def page(machine: Mapping[str, str], parts: Sequence[Mapping[str, Any]]) -> str:
    """The whole page; each part is ``{"title", "results", "record"}``, results empty where it was not run."""
    lines = ["# Benchmarks", "", "Written by `make bench`. Every comparison is made side by side in one run.", ""]
    lines += [" · ".join(f"{name}: {value}" for name, value in machine.items()), ""]
    gone = [part for part in parts if not part["results"]]
    if gone:
        lines += [f"Not run: {'; '.join(_not_run(part) for part in gone)}.", ""]
    for part in parts:
        if part["results"]:
            lines += section(part)
    return "\n".join(lines).rstrip() + "\n"


def _not_run(part: Mapping[str, Any]) -> str:
    error = (part["record"] or {}).get("error", "")
    return f"{part['title']} ({error})" if error else str(part["title"])


def section(part: Mapping[str, Any]) -> list[str]:
    """Heading, then what each of its files says."""
    record = part["record"] or {}
    title = next((found["title"] for found in part["results"] if found.get("title")), part["title"])
    lines = [f"## {title}", ""]
    if record.get("error"):
        lines += [f"This section ended early: {record['error']}.", ""]
    for found in part["results"]:
        if "markdown" in found:
            lines += [*below(found["markdown"]), ""]
            continue
        for text in _as_list(found.get("text", ())):
            lines += [str(text), ""]
        for given in found.get("tables", ()):
            lines += table(given)
        lines += anything({key: value for key, value in found.items() if key not in KNOWN})
    if record.get("seconds"):
        lines += [f"This section took {record['seconds'] / 60:.1f} minutes.", ""]
    return lines


def below(markdown: str) -> list[str]:
    """A page as part of another: its headings under the section's, its own title left out."""
    levels = [len(mark) for mark in re.findall(r"^(#+) ", markdown, re.MULTILINE)]
    if levels and markdown.lstrip().startswith("# "):
        markdown, levels = re.sub(r"\A\s*# .*\n", "", markdown), levels[1:]
    shift = 3 - min(levels, default=3)
    text = re.sub(r"^(#+) ", lambda found: "#" * (len(found[1]) + shift) + " ", markdown, flags=re.MULTILINE)
    return text.strip().splitlines()


def _as_list(value: Any) -> Iterable[Any]:
    return [value] if isinstance(value, str) else value


def table(given: Mapping[str, Any]) -> list[str]:
    """A heading, the note, and the table."""
    lines = [f"### {given['title']}", ""] if given.get("title") else []
    if given.get("note"):
        lines += [given["note"], ""]
    return [*lines, *rows(given["columns"], given["rows"]), ""]


def rows(columns: Sequence[str], body: Iterable[Sequence[Any]]) -> list[str]:
    """A Markdown table; a bar inside of a cell would end it."""
    lines = ["| " + " | ".join(map(cell, columns)) + " |", "|" + "---|" * len(columns)]
    return [*lines, *("| " + " | ".join(map(cell, row)) + " |" for row in body)]


def cell(value: Any) -> str:
    """A value as a cell shows it; numbers to four digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).replace("|", "\\|").replace("\n", " ")


def anything(found: Mapping[str, Any], level: int = 3) -> list[str]:
    """JSON that follows no convention: plain values as a list, the rest under headings."""
    simple = [f"- {key}: {cell(value)}" for key, value in found.items() if not isinstance(value, dict | list)]
    simple += [f"- {key}: {', '.join(map(cell, value))}" for key, value in found.items() if _is_plain_list(value)]
    lines = [*simple, ""] if simple else []
    for key, value in found.items():
        if isinstance(value, dict):
            lines += [*_heading(key, level), *anything(value, level + 1)]
        elif isinstance(value, list) and value and not _is_plain_list(value):
            lines += [*_heading(key, level), *_records(value, level)]
    return lines


def _is_plain_list(value: Any) -> bool:
    return isinstance(value, list) and not any(isinstance(item, dict | list) for item in value)


def _records(value: list[Any], level: int) -> list[str]:
    if not all(isinstance(item, dict) for item in value):
        return [*(f"- {cell(item)}" for item in value), ""]
    columns = list(dict.fromkeys(key for item in value for key in item))
    return [*rows(columns, ([item.get(column, "") for column in columns] for item in value)), ""]


def _heading(text: str, level: int) -> list[str]:
    return [f"{'#' * level} {text}", ""] if level <= DEEPEST else [f"**{text}**", ""]
