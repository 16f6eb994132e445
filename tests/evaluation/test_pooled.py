"""A difference pooled over experiments."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from taskfusion.errors import DataError, UnknownNameError
from taskfusion.evaluation import Bootstrap, differences, pooled_difference

HOW = Bootstrap(400, 1)


def _table(seed: int, strengths: dict[str, float], cases: int = 60) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 2, cases)
    truth[:2] = 0, 1
    parts = []
    for fuser, strength in strengths.items():
        score = 1 / (1 + np.exp(-(strength * (truth - 0.5) + generator.normal(size=cases))))
        ids = [f"{seed}-{number}" for number in range(cases)]
        parts.append(pd.DataFrame({"case": ids, "group": ids, "fuser": fuser, "truth": truth, "score": score}))
    return pd.concat(parts).assign(split="test", target="lesion")


STRENGTHS = {"good": 2.5, "same": 1.0, "poor": 1.0}


def test_it_is_the_mean_of_the_differences_of_each():
    tables = [_table(seed, STRENGTHS) for seed in (1, 2, 3)]
    found = pooled_difference(tables, ("good", "poor"), "test", "lesion", HOW)
    for table, difference in zip(tables, found.differences, strict=True):
        good, poor = (table[table.fuser == name] for name in ("good", "poor"))
        expected = roc_auc_score(good.truth, good.score) - roc_auc_score(poor.truth, poor.score)
        assert difference == pytest.approx(expected)
    assert found.difference == pytest.approx(np.mean(found.differences))


def test_one_experiment_alone_gives_what_differences_gives():
    table = _table(4, STRENGTHS)
    found = pooled_difference([table], ("good", "poor"), "test", "lesion", HOW)
    row = differences(table, "poor", "test", "lesion", HOW).set_index("fuser").loc["good"]
    assert (found.low, found.high) == pytest.approx((row.difference_low, row.difference_high))
    assert found.p == pytest.approx(row.p)
    assert (found.wide_low, found.wide_high) == (found.low, found.high)


def test_more_experiments_make_the_interval_narrower_and_drawing_them_too_makes_it_wider():
    tables = [_table(seed, STRENGTHS) for seed in range(6)]
    one = pooled_difference(tables[:1], ("good", "poor"), "test", "lesion", HOW)
    six = pooled_difference(tables, ("good", "poor"), "test", "lesion", HOW)
    assert six.high - six.low < 0.7 * (one.high - one.low)
    assert six.wide_high - six.wide_low > six.high - six.low
    assert six.low > 0


def test_equal_fusers_are_not_told_apart():
    tables = [_table(seed, STRENGTHS) for seed in range(4)]
    found = pooled_difference(tables, ("same", "poor"), "test", "lesion", HOW)
    assert found.low < 0 < found.high
    assert found.p > 0.05


def test_only_cases_that_both_answered_count():
    whole = _table(5, STRENGTHS)
    cut = whole[(whole.fuser == "good") | ~whole.case.isin(["5-7", "5-8"])]
    both = whole[~whole.case.isin(["5-7", "5-8"])]
    assert pooled_difference([cut], ("good", "poor"), "test", "lesion", HOW) == pooled_difference(
        [both], ("good", "poor"), "test", "lesion", HOW
    )


def test_what_cannot_be_pooled_is_refused():
    table = _table(6, STRENGTHS)
    with pytest.raises(DataError, match="no experiment to pool"):
        pooled_difference([], ("good", "poor"), "test", "lesion")
    with pytest.raises(UnknownNameError, match="good"):
        pooled_difference([table], ("goood", "poor"), "test", "lesion")
    with pytest.raises(DataError, match=r"patient '6-0' is in several experiments"):
        pooled_difference([table, table], ("good", "poor"), "test", "lesion")
    with pytest.raises(DataError, match="all of one kind"):
        pooled_difference([table[table.truth == 1]], ("good", "poor"), "test", "lesion")
