"""Reasons read as sentences, in English and Chinese."""

import numpy as np
import pytest
from django.utils import translation

from lifecycle_engine.scoring.reasons.results import Change, Explained, Reason
from lifecycle_engine.scoring.reasons.telling import changes_tell, reason_sentence, reasons_tell
from lifecycle_engine.scoring.reasons.words import words_of
from lifecycle_engine.sdk.scorers import Amount, Probability, Scorer
from lifecycle_engine.sdk.sequences import SequenceSpec
from lifecycle_engine.warehouse.features import features_known


class Risk(Scorer):
    key = "risk"
    output = Probability()
    wanted = "lower"


class Value(Scorer):
    key = "value"
    output = Amount("money")


def reason(feature, value, *, usual=None, typical=None, contribution=1.0, text=None):
    return Reason(feature, value, usual, typical, contribution, (feature,), text)


@pytest.mark.parametrize("spec", [SequenceSpec(2), SequenceSpec(2, "events")])
def test_every_column_of_a_sequence_has_words_of_its_own(spec):
    for feature in spec.columns():
        assert words_of(feature).theme != feature
        for language in ("en", "zh-hans"):
            with translation.override(language):
                for value in (0.5, 40.0, None):
                    told = reason_sentence(reason(feature, value, text="Tea"))
                    assert told
                    assert "%" not in told
                    assert "None" not in told


@pytest.mark.parametrize("feature", [feature.name for feature in features_known()])
def test_every_feature_of_the_library_has_words_of_its_own(feature):
    words = words_of(feature)
    missing = next(known.missing for known in features_known() if known.name == feature)

    assert words.theme != feature
    for language in ("en", "zh-hans"):
        with translation.override(language):
            for value in (0.0, 1.0, 2.5, 47.0):
                told = reason_sentence(reason(feature, value, typical=3.0))
                assert "%" not in told.replace(" %", "")
                assert "None" not in told
            none = reason_sentence(reason(feature, None))
            assert none or not np.isnan(missing), "what to say of whom it does not apply to?"
            assert "%" not in none
            assert "None" not in none


@pytest.mark.parametrize(
    ("told", "english", "chinese"),
    [
        (
            reason("recency_days", 47.3, usual=12.2, typical=9.0),
            "No order for 47 days; usually every 12 days",
            "已有 47 天未下单；通常每 12 天一次",
        ),
        (
            reason("recency_days", 21.0, typical=6.04),
            "No order for 21 days; typical: 6 days",
            "已有 21 天未下单；一般为 6 天",
        ),
        (reason("recency_days", 0.4), "No order for less than a day", "已有 不到一天未下单"),
        (
            reason("orders_30d", 1.0, typical=4.0),
            "1 order in the last 30 days; typical: 4 orders",
            "最近 30 天内 1 个订单；一般为 4 个订单",
        ),
        (
            reason("orders_90d", 0.0, usual=2.5),
            "0 orders in the last 90 days; usually 2.5 orders",
            "最近 90 天内 0 个订单；平时为 2.5 个订单",
        ),
        (
            reason("revenue_30d", 1234.5, typical=80.0),
            "Spent 1,234.50 in the last 30 days; typical: 80.00",
            "最近 30 天内消费 1234.50；一般为 80.00",
        ),
        (
            reason("discount_share_90d", 0.254),
            "Discounts took off 25 % in the last 90 days",
            "最近 90 天内折扣减免了 25 %",
        ),
        (reason("gap_days_mean", None), "Too few orders for a rhythm", "订单太少，看不出规律"),
        (
            reason("event_days_1", 12.0, typical=5.0),
            "The newest event was 12 days ago; typical: 5 days",
            "最近一次事件发生在 12 天前；一般为 5 天",
        ),
        (
            reason("event_days_4", 45.2, typical=20.0),
            "The last 4 events go back 45 days; typical: 20 days",
            "最近 4 个事件可追溯到 45 天前；一般为 20 天",
        ),
        (reason("event_days_4", None), "Fewer than 4 events so far", "目前事件不足 4 个"),
        (
            reason("event_token_3", 71.0, text="Snacks 100%"),
            "No. 3 of the newest events: Snacks 100%",
            "最近事件中的第 3 个：Snacks 100%",
        ),
        (
            reason("event_token_3", 71.0),
            "No. 3 of the newest events is of a kind without a name",
            "最近事件中的第 3 个属于没有名称的类型",
        ),
        (
            reason("order_amount_2", 1234.5),
            "No. 2 of the newest orders came to 1,234.50",
            "最近订单中的第 2 个金额为 1234.50",
        ),
        (reason("own_100%", 3.0), "own 100%: 3", "own 100%: 3"),
    ],
)
def test_sentences(told, english, chinese):
    with translation.override("en"):
        assert reason_sentence(told) == english
    with translation.override("zh-hans"):
        assert reason_sentence(told) == chinese


def explained(*contributions, changes=()):
    reasons = tuple(
        reason("orders_30d", 1.0, contribution=contribution) for contribution in contributions
    )
    return Explained(base=0.0, total=0.0, score=0.5, reasons=reasons, changes=changes)


def test_whether_a_reason_is_good_depends_on_what_the_shop_wants():
    found = explained(2.0, -0.5, 0.001)

    risk = [(told.raises, told.good, told.size) for told in reasons_tell(found, Risk)]
    value = [(told.raises, told.good, told.size) for told in reasons_tell(found, Value)]

    assert risk == [(True, False, 100), (False, True, 25), (True, False, 1)]
    assert value == [(True, True, 100), (False, False, 25), (True, True, 1)]
    assert reasons_tell(explained(), Risk) == []


def test_changes_are_told_with_the_score_as_its_kind_is_written():
    found = explained(changes=(Change("departments_90d", 1.0, 3.0, 0.4816),))

    (risk,) = changes_tell(found, Risk)
    (value,) = changes_tell(found, Value)

    assert risk.sentence == "Bought from 3 departments in the last 90 days"
    assert (risk.now, risk.score, value.score) == ("1 department", "48 %", "0.48")


def test_what_is_stored_comes_back():
    found = explained(1.0, changes=(Change("products_90d", 1.0, 3.0, 0.4),))

    assert Explained.from_json(found.as_json()) == found
