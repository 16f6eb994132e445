"""The picture of a case's page in the docs: opens a run's report in Chromium, headless, and keeps what it shows.

    python benchmarks/report_shot.py runs/demo/report.html docs/figures/case-page.png [CASE]

Needs the test-only package playwright and a chromium on the path. The picture has few colours, so that it stays small.
"""

from __future__ import annotations

import argparse
import io
import shutil
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import sync_playwright

SIZE = {"width": 1280, "height": 800}
COLORS = 256


def shot(report: Path, case: str) -> bytes:
    """A PNG of the page of a case; without one, of the first in the worklist."""
    with sync_playwright() as runner:
        browser = runner.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE)
        page.goto(report.resolve().as_uri() + (f"#case={quote(case, safe='')}" if case else ""))
        if not case:
            page.locator("#worklist-table tbody a").first.click()
        page.locator(".panels").wait_for()
        page.keyboard.press("h")  # heat maps, where there are some
        page.wait_for_timeout(300)  # pictures are decoded after they stand in the page
        found = page.screenshot()
        browser.close()
    return found


def main() -> None:
    """Take it and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("case", nargs="?", default="")
    given = parser.parse_args()
    image = Image.open(io.BytesIO(shot(given.report, given.case)))
    image.convert("RGB").quantize(COLORS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        given.output, optimize=True
    )
    print(f"{given.output}: {given.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
