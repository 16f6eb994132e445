"""Markdown as HTML that is safe to show: tags in the text stay text."""

from __future__ import annotations

import re

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Model card</title>
<style>body {{ font: 15px/1.5 system-ui, sans-serif; color: #1f2933; margin: 2rem auto; max-width: 60rem }}
table {{ border-collapse: collapse }} td, th {{ padding: 4px 12px; border-bottom: 1px solid #dde2e8; text-align: left }}
blockquote {{ margin: 1rem 0; padding: 8px 14px; border-left: 4px solid #5f6b7a; color: #5f6b7a }}
blockquote.warning {{ border-color: #b00020; color: #b00020; font-weight: 600 }}</style></head>
<body>{body}</body></html>"""
WARNING = "[!CAUTION]\n"


def markdown_html(text: str) -> str:
    """HTML of a model card without its YAML head; what GitHub calls a caution is a ``blockquote`` of class warning."""
    from markdown_it import MarkdownIt

    body = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    html = str(MarkdownIt("commonmark", {"html": False}).enable("table").render(body))
    return html.replace(f"<blockquote>\n<p>{WARNING}", '<blockquote class="warning">\n<p>')


def markdown_page(text: str) -> str:
    """The same as a page of its own."""
    return PAGE.format(body=markdown_html(text))
