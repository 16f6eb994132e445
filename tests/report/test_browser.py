"""The report in a real browser, headless: what a reader clicks, presses and drags."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from report.pages_made_up import STRANGE, VIEWS, case_page, picture, report

from taskfusion.report import Picture, ReportData, write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]


@pytest.fixture(scope="module")
def browser():
    """One browser for all tests here."""
    with playwright.sync_playwright() as runner:
        found = runner.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def data() -> ReportData:
    """Five cases: two usual ones, one without pictures, one with gaps and a turned file, one with an odd id."""
    turned = [picture("L-CC", wall="right"), picture("R-MLO"), Picture("R-CC", problem="image not readable: x.png")]
    return report(
        [
            case_page("c1"),
            case_page("c2"),
            case_page("bare", ()),
            case_page("gaps", ("L-CC",), pictures=turned, missing=("findings/L-MLO",)),
            case_page(STRANGE, ("front", "side")),
        ]
    )


@pytest.fixture(scope="module")
def heard() -> list[str]:
    """What went wrong in any page of this module, and what was asked of a network."""
    return []


@pytest.fixture(scope="module")
def opened(browser, data, heard, tmp_path_factory):
    """The report, opened once; do not leave it changed."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, data)
    # waiting for a condition evaluates text in the page, which its own policy forbids: see the test of the policy
    page = browser.new_page(viewport={"width": 1280, "height": 800}, bypass_csp=True)
    page.on("console", lambda message: heard.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    page.on("request", lambda request: request.url.startswith(("file:", "data:")) or heard.append(request.url))
    page.goto(path.as_uri())
    return page


@pytest.fixture
def page(opened, heard):
    """On the summary, with nothing heard at the end."""
    opened.evaluate("location.hash = ''")
    opened.wait_for_function("!document.getElementById('summary').hidden")
    yield opened
    assert heard == []


def rows(page) -> list[str]:
    """The cases of the worklist that can be seen, from the top."""
    return page.eval_on_selector_all("#worklist-table tbody tr:not([hidden])", "all => all.map(r => r.dataset.case)")


def open_case(page, case: str) -> None:
    page.evaluate("id => { location.hash = '#case=' + encodeURIComponent(id); }", case)
    page.wait_for_function("id => document.querySelector('#case h1').textContent === id", arg=case)


def heading(page) -> str:
    return page.inner_text("#case h1") if page.is_visible("#case") else ""


def views(page) -> list[str]:
    return page.eval_on_selector_all(".view:not([hidden])", "all => all.map(v => v.dataset.view)")


def shown(page, selector: str) -> int:
    return page.locator(selector).filter(visible=True).count()


def test_every_link_from_the_worklist_to_the_views_works(page, data):
    assert sorted(rows(page)) == sorted(one.case for one in data.cases)
    for case in rows(page):
        page.locator("#worklist-table tbody tr", has=page.get_by_role("link", name=case, exact=True)).locator(
            "a"
        ).click()
        page.wait_for_function("id => document.querySelector('#case h1').textContent === id", arg=case)
        for view in views(page):
            link = page.locator(".view figcaption a").get_by_text(view, exact=True)
            link.click()
            page.wait_for_function("v => document.querySelectorAll('.view:not([hidden])').length === 1", arg=view)
            assert views(page) == [view]
            page.keyboard.press("Escape")
            page.wait_for_function("!location.hash.includes('&view')")
        page.click(".back")
        page.wait_for_function("!document.getElementById('summary').hidden")
        assert page.evaluate("document.activeElement.textContent") == case


def test_the_keyboard_goes_through_the_cases(page):
    order = rows(page)
    page.locator("#worklist-table tbody a").first.focus()
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.textContent") == order[1]
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_function("id => document.querySelector('#case h1').textContent === id", arg=order[0])
    for key, place in (("j", 1), ("ArrowRight", 2), ("k", 1), ("ArrowLeft", 0), ("k", 0)):
        page.keyboard.press(key)
        page.wait_for_function("id => document.querySelector('#case h1').textContent === id", arg=order[place])
    assert page.inner_text(".position") == f"1 of {len(order)}"
    page.keyboard.press("?")
    assert page.is_visible("#help")
    page.keyboard.press("Escape")
    assert not page.is_visible("#help") and heading(page) == order[0]
    page.keyboard.press("Escape")
    page.wait_for_function("!document.getElementById('summary').hidden")


def test_boxes_truth_and_heat_maps_come_and_go(page):
    open_case(page, "c1")
    assert (shown(page, ".found"), shown(page, ".true"), shown(page, ".heat")) == (8, 4, 0)
    page.keyboard.press("h")
    assert shown(page, ".heat") == 4
    page.keyboard.press("b")
    page.get_by_role("button", name="Truth").click()
    assert (shown(page, ".found"), shown(page, ".true")) == (0, 0)
    open_case(page, "c2")
    assert (shown(page, ".found"), shown(page, ".heat")) == (0, 4)  # who switches off means it
    for key in "bth":
        page.keyboard.press(key)
    page.locator("[data-slider=minimum]").fill("0.5")
    assert (shown(page, ".found"), shown(page, ".heat")) == (4, 0)
    page.locator("[data-slider=minimum]").fill("0.1")
    assert page.locator(".mark.true rect").first.evaluate("r => getComputedStyle(r).strokeDasharray") != "none"
    assert page.locator(".mark.found rect").first.evaluate("r => getComputedStyle(r).strokeDasharray") == "none"


def test_breasts_hang_with_the_chest_walls_in_the_middle(page):
    open_case(page, "c1")
    assert views(page) == ["R-CC", "L-CC", "R-MLO", "L-MLO"]
    place = {v: page.locator(f".view[data-view={v}]").bounding_box() for v in VIEWS}
    assert place["R-CC"]["x"] < place["L-CC"]["x"] and place["R-CC"]["y"] == place["L-CC"]["y"]
    assert place["R-MLO"]["y"] > place["R-CC"]["y"] and place["R-MLO"]["x"] == place["R-CC"]["x"]
    assert page.locator(".turned").count() == 0
    for side, edge in (("R", "xMaxYMid meet"), ("L", "xMinYMid meet")):
        found = page.eval_on_selector_all(
            f".side-{side} svg", "all => all.map(s => s.getAttribute('preserveAspectRatio'))"
        )
        assert found == [edge, edge]


def test_a_file_that_shows_a_breast_the_other_way_round_is_mirrored_with_its_boxes(page):
    open_case(page, "gaps")
    turned = page.locator(".view[data-view=L-CC]")
    assert "mirrored" in turned.inner_text()
    assert "scale(-1 1)" in turned.locator("svg g").first.get_attribute("transform")
    left = float(turned.locator(".true rect").get_attribute("x"))
    assert left == pytest.approx((1 - 0.4) * 40)
    assert "image not readable: x.png" in page.locator(".view[data-view=R-CC]").inner_text()
    assert "not there" in page.locator(".view[data-view=L-MLO]").inner_text()
    assert "findings/L-MLO" in page.inner_text(".panels")


def test_other_views_stand_in_a_plain_grid(page):
    open_case(page, STRANGE)
    assert views(page) == ["front", "side"]
    assert page.locator(".views.hung").count() == 0


def test_a_case_without_pictures_has_no_empty_frames(page):
    open_case(page, "bare")
    assert page.locator(".viewer").count() == 0
    assert "density" in page.inner_text(".panels") and "−0.100" in page.inner_text("#fused")


def test_zoom_pan_and_window_change_the_picture_and_reset(page):
    open_case(page, "c1")
    svg = page.locator(".view[data-view=R-CC] svg")
    whole = svg.get_attribute("viewBox")
    svg.hover()
    page.mouse.wheel(0, -600)
    page.wait_for_function(
        "v => document.querySelector('.view[data-view=R-CC] svg').getAttribute('viewBox') !== v", arg=whole
    )
    zoomed = svg.get_attribute("viewBox")
    assert float(zoomed.split()[2]) < 40
    page.mouse.down()
    page.mouse.move(250, 300, steps=3)
    page.mouse.up()
    assert svg.get_attribute("viewBox") != zoomed
    page.locator("[data-slider=width]").fill("50")
    slope = "document.querySelector('#window feFuncR').getAttribute('slope')"
    assert float(page.evaluate(slope)) == 2
    page.get_by_role("button", name="Invert").click()
    assert float(page.evaluate(slope)) == -2
    page.keyboard.press("0")
    assert svg.get_attribute("viewBox") == whole and float(page.evaluate(slope)) == 1


def test_the_operating_point_counts_what_the_threshold_says(page, data):
    rows_of = data.predictions[(data.predictions.split == "test") & (data.predictions.target == "ill")]
    for fuser in ("max_F", "P"):
        page.locator(".operating select").first.select_option(fuser)
        part = rows_of[rows_of.fuser == fuser]
        for threshold in (0.3, 0.6):
            page.locator(".operating input").first.fill(str(threshold))
            called = part.score >= float(page.locator(".operating input").first.input_value())
            wanted = {"tp": called & (part.truth == 1), "fp": called & (part.truth == 0)}
            wanted |= {"fn": ~called & (part.truth == 1), "tn": ~called & (part.truth == 0)}
            for name, cases in wanted.items():
                assert page.locator(f".operating [data-n={name}]").first.inner_text() == str(int(cases.sum()))
            tpr = wanted["tp"].sum() / (part.truth == 1).sum()
            assert page.locator(".operating [data-n=tpr]").first.inner_text() == f"{100 * tpr:.1f} %"
            ring = page.evaluate("document.getElementById('roc-0').data.at(-1).y[0]")
            assert ring == pytest.approx(tpr)


def test_a_threshold_chosen_on_validation_is_a_button(page, data):
    chosen = data.points[(data.points.fuser == "P") & (data.points.target == "ill") & (data.points.rule == "youden")]
    button = page.locator(".operating").first.get_by_role("button", name="youden")
    assert button.get_attribute("title") == "chosen on: validation"
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    value = float(page.locator(".operating input").first.input_value())
    wanted = chosen[chosen.split == "test"].threshold.iloc[0]
    assert value == pytest.approx(wanted, abs=1e-3)


def test_the_worklist_sorts_filters_and_changes_its_fuser(page, data):
    table = data.predictions[(data.predictions.split == "test") & (data.predictions.target == "ill")]
    by = {name: part.sort_values("score", ascending=False).case.tolist() for name, part in table.groupby("fuser")}
    assert rows(page) == by["P"]
    page.select_option("#worklist-fuser", "max_F")
    assert rows(page) == by["max_F"]
    header = page.get_by_role("columnheader", name="Score: ill")
    header.get_by_role("button").click()
    assert rows(page) == by["max_F"][::-1] and header.get_attribute("aria-sort") == "ascending"
    header.get_by_role("button").click()
    page.select_option("#worklist-fuser", "P")
    page.fill("#filter-text", "GAPS")
    assert rows(page) == ["gaps"]
    page.fill("#filter-text", "")
    page.select_option("#filter-missing", "some")
    assert rows(page) == ["gaps"]
    page.select_option("#filter-missing", "")
    page.select_option("#filter-truth", label="ill: positive")
    ill = set(table[table.truth == 1].case)
    assert set(rows(page)) == ill
    page.select_option("#filter-truth", "")
    assert rows(page) == by["P"]


def test_a_link_to_a_case_opens_it_at_once_and_an_unknown_one_the_summary(browser, opened, heard):
    fresh = browser.new_page(bypass_csp=True)
    fresh.on("pageerror", lambda error: heard.append(str(error)))
    fresh.goto(opened.url.partition("#")[0] + "#case=c2&view=L-MLO")
    assert heading(fresh) == "c2" and views(fresh) == ["L-MLO"]
    fresh.evaluate("location.hash = '#case=nobody'")
    fresh.wait_for_function("!document.getElementById('summary').hidden")
    widths = fresh.eval_on_selector_all(
        ".js-plotly-plot .main-svg", "all => all.map(s => s.getBoundingClientRect().width)"
    )
    assert min(widths) > 200  # charts that were drawn unseen fill their place
    fresh.close()
    assert heard == []


def test_the_page_keeps_its_own_policy(browser, opened):
    """As it is opened by a reader, nothing bypassed: no console message, no request, charts and cases drawn."""
    said: list[str] = []
    fresh = browser.new_page()
    fresh.on("console", lambda message: said.append(message.text))
    fresh.on("pageerror", lambda error: said.append(str(error)))
    fresh.on("request", lambda request: request.url.startswith(("file:", "data:")) or said.append(request.url))
    fresh.goto(opened.url.partition("#")[0])
    assert fresh.locator(".js-plotly-plot .main-svg").count() > 0
    fresh.locator("#worklist-table tbody a").first.click()
    assert fresh.locator("#case h1").inner_text() == fresh.locator("#worklist-table tbody a").first.text_content()
    fresh.close()
    assert said == []


def test_200_cases_of_noise_stay_below_15_megabytes(tmp_path: Path):
    """Noise is the worst there is to compress: a real picture is smaller."""
    from taskfusion.experiment.casepages import MOST_BYTES, PICTURE_BYTES
    from taskfusion.report.pictures import heat_uri, picture_uri

    most = min(PICTURE_BYTES // 800, MOST_BYTES)
    noise = np.random.default_rng(0).integers(0, 256, (448, 360)).astype(np.uint8)
    uri, heat = picture_uri(noise, most), heat_uri(noise[:48, :38] / 255)
    marks = picture("L-CC").marks * 6
    made = [Picture(v, uri, 360, 448, 4480, 3600, 0, 4095, "left", marks, {"findings": heat}) for v in VIEWS]
    write_report(tmp_path / "big.html", report([case_page(f"case-{k}", pictures=made) for k in range(200)]))
    assert (tmp_path / "big.html").stat().st_size < 15e6
