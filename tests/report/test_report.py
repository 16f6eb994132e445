from __future__ import annotations

import re
import subprocess
import sys

import pandas as pd
import pytest

from taskfusion.errors import DataError
from taskfusion.evaluation import evaluate
from taskfusion.report import ReportData, write_report


def test_writes_one_file_that_holds_everything(tmp_path, data, parse):
    write_report(tmp_path / "new" / "report.html", data)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["report.html"]
    text = (tmp_path / "new" / "report.html").read_text(encoding="utf-8")
    assert text.count("plotly.js v") == 1
    page = parse(text)
    assert page.text.count("ROC curves Marker") == 2
    assert "\ufffd" not in page.text


def test_refers_to_nothing_outside(tmp_path, data, parse):
    write_report(tmp_path / "report.html", data)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = parse(text)
    links = [value for _, tag in page.tags for name, value in tag.items() if name in ("src", "href", "action", "data")]
    assert links
    assert all(link.startswith("#") for link in links)
    assert not {"link", "iframe", "object", "embed", "img", "base"} & {tag for tag, _ in page.tags}
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style and "@import" not in style
    policy = next(tag["content"] for _, tag in page.tags if tag.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy


def test_no_chart_offers_an_upload(make, predictions):
    text, page = make(predictions)
    charts = sum("plotly-graph-div" in (tag.get("class") or "") for _, tag in page.tags)
    assert charts == 10
    assert text.count('"showSendToCloud": false') == charts
    assert "plotlyServerURL" not in text


def test_holds_the_numbers_of_every_split(make, predictions):
    _, page = make(predictions)
    for row in evaluate(predictions, replicates=50).to_dict("records"):
        values = [f"{row['auc']:.3f} [{row['auc_low']:.3f}, {row['auc_high']:.3f}]"]
        values += [f"{row[name]:.3f}" for name in ("auprc", "tpr", "tnr", "accuracy", "f1", "brier")]
        assert " ".join([*values, str(row["n"]), str(row["positives"])]) in page.text


def test_other_splits_are_folded_and_labelled(make, predictions):
    _, page = make(predictions)
    assert [tag for name, tag in page.tags if name == "details"] == [{}] * 4
    for split in ("train", "validation"):
        assert page.text.count(f"{split} split not for judging Not for judging: models were fitted or chosen") == 2


def test_main_split_is_a_choice(make, predictions):
    _, page = make(predictions, main_split="validation")
    assert "Results on the validation split" in page.text
    assert "test split not for judging" in page.text


def test_notice_stands_at_the_top_and_across_every_chart(make, predictions):
    text, page = make(predictions)
    assert page.text.index("SYNTHETIC DATA: not real") < page.text.index("cases in the test split 20")
    assert text.count('"text":"SYNTHETIC DATA"') == 10


def test_no_notice_no_banner(make, predictions):
    text, page = make(predictions, notice="")
    assert not any(tag.get("class") == "notice" for _, tag in page.tags)
    assert "rgba(176, 0, 32" not in text


def test_names_are_text_and_no_markup(make, predictions):
    hostile = "<b>%{y} &</script><script>alert(1)</script>"
    renamed = predictions.replace({"P_feat": hostile, "lesion": "<i>", "c5": "<u>c5"})
    text, page = make(renamed, title="<s>", notice="<s>: x", info={"<s>": "<s>"}, targets={"<i>": "<s>"})
    assert hostile in page.text
    assert not {"b", "i", "u", "s"} & {tag for tag, _ in page.tags}
    assert "alert(1)</script>" not in text
    assert '"name":"\\u003cb' not in text
    charts = "".join(re.findall(r"Plotly\.newPlot\(.*?</script>", text, re.DOTALL))
    assert "&lt;b&gt;%&#123;y} &amp;" in charts.replace("\\u003c", "<")
    assert "%{y} &amp;" not in charts


def test_baselines_are_marked(make, predictions):
    _, page = make(predictions)
    assert "max(findings) baseline" in page.text
    assert "P_feat baseline" not in page.text


def test_differences_are_shown_where_given(make, predictions, some_differences):
    _, page = make(predictions, differences=some_differences)
    assert page.text.count("Differences of AUC to P_feat") == 1
    value = f"{some_differences['difference'].iloc[0]:+.3f}".replace("-", "−")
    assert f"P_score {value} [" in page.text


def test_tasks_and_run(make, predictions):
    _, page = make(predictions)
    assert "findings view mass, normal Answers views 3,600 a view 2.500 Metrics AUC 0.921" in page.text
    assert "Run seed 7" in page.text


def test_worklist_sorts_by_the_first_fuser_of_the_first_target(make, predictions):
    _, page = make(predictions)
    part = predictions[(predictions["split"] == "test") & (predictions["target"] == "lesion")]
    part = part[part["fuser"] == "P_feat"].sort_values("score", ascending=False, kind="stable")
    shown = re.findall(r"\bc\d+\b", page.text[page.text.index("Worklist Cases") :])
    assert len(shown) == 20
    scores = part.set_index("case")["score"]
    assert scores.loc[shown].is_monotonic_decreasing


def test_worklist_ends_at_two_hundred(make, many_predictions):
    _, page = make(many_predictions)
    assert "first: 200 of 300, the others have no page here." in page.text
    assert len(re.findall(r"\bc\d+\b", page.text)) == 200


def test_equal_data_give_equal_pages(make, predictions):
    assert make(predictions)[0] == make(predictions)[0]


@pytest.mark.parametrize(
    ("truth", "why"),
    [
        (1, "no negative case: all 20 cases are positive"),
        (0, "no positive case: all 20 cases are negative"),
        (-1, "no case of known truth"),
    ],
)
def test_missing_classes_are_said(make, predictions, truth, why):
    _, page = make(predictions.assign(truth=truth))
    assert page.text.count(f"– has no value: {why}.") == 6
    assert f"Not drawn: {why}" in page.text
    assert "nan" not in page.text.split()
    assert any(tag.get("title") == why for name, tag in page.tags if name == "td")


def test_one_patient_has_no_interval(make, predictions):
    _, page = make(predictions.assign(group="p"))
    assert "An AUC without interval: fewer than two patients" in page.text


def test_unequal_cases_and_unknown_truth_are_said(make, predictions):
    unknown = predictions["case"].isin(["c4"])
    fewer = predictions.assign(truth=predictions["truth"].mask(unknown, -1))
    lacking = (fewer["fuser"] == "P_feat") & (fewer["case"] == "c5") & (fewer["target"] == "malignancy")
    fewer = fewer[~lacking]
    _, page = make(fewer)
    assert "The fusers answered about different cases (see n): compare them with care." in page.text
    assert "1 case of unknown truth left out." in page.text
    assert any(tag.get("title") == "no answer" for _, tag in page.tags)


def test_scores_outside_zero_to_one_are_drawn_and_said(make, predictions):
    _, page = make(predictions.assign(score=predictions["score"] * 3 - 1))
    assert "– under Brier: scores outside [0, 1] are no probabilities." in page.text


def test_without_the_main_split_it_says_so(make, predictions):
    _, page = make(predictions[predictions["split"] != "test"])
    assert "No results: no prediction of this target lies in the test split." in page.text
    assert "Worklist" not in page.text


def test_nothing_predicted_is_said(make, predictions):
    _, page = make(predictions.iloc[:0], tasks=(), info={}, targets={})
    assert "No results: nothing was predicted." in page.text


def test_many_fusers_are_drawn(make, predictions):
    first = predictions[predictions["fuser"] == "P_feat"]
    many = pd.concat([first.assign(fuser=f"{kind}{i} with a long name") for kind in ("F", "max") for i in range(10)])
    _, page = make(many)
    assert page.text.count("F9 with a long name") == 3 * 2 + 3  # and in three lists to choose from


def test_refuses_tables_without_their_columns(data):
    with pytest.raises(DataError, match=r"^report: results lack the column 'auc_low'; expected fuser, target, split,"):
        ReportData("", "", data.results.drop(columns="auc_low"), data.predictions, {})
    with pytest.raises(DataError, match=r"^predictions lack the column 'score'; expected case, group,"):
        ReportData("", "", data.results, data.predictions.drop(columns="score"), {})
    with pytest.raises(DataError, match=r"^report: differences lack the column 'reference'; expected fuser, reference"):
        ReportData("", "", data.results, data.predictions, {}, differences=data.results)


def test_importing_loads_nothing_heavy():
    code = "import sys, taskfusion.report; print(*{'pandas', 'plotly', 'jinja2', 'scipy'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
