"""The pages of backtests."""

from datetime import date

import pytest
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import translation

from lifecycle_engine.scoring.backtest_models import Backtest
from tests.factories.scoring import backtest_month, backtest_unjudged

pytestmark = pytest.mark.django_db(transaction=True)

MONTHS = [
    backtest_unjudged(4, "lacking", needs=[{"what": "days", "wanted": 120, "found": 89}]),
    backtest_month(5, low=0.01, high=0.05),
    backtest_month(6, low=-0.01, high=0.05, published="older", champion_of="2017-05"),
    backtest_month(7, low=-0.05, high=-0.01, published="baseline", champion_of="2017-05"),
    backtest_unjudged(8, "open"),
]


def backtest(**values):
    return Backtest.objects.create(
        **{
            "scorer_key": "churn.risk",
            "first": date(2017, 4, 1),
            "last": date(2017, 8, 1),
            "state": "finished",
            "decided_by": "average_precision",
            "months": MONTHS,
            "requested_by": "anna",
            "finished_at": Now(),
            **values,
        }
    )


def page(client, one):
    return client.get(reverse("admin:scoring_backtest_change", args=[one.pk])).text


def test_before_the_first_one_the_command_is_given(admin_client):
    shown = admin_client.get(reverse("admin:scoring_backtest_changelist")).text

    assert "No backtest yet" in shown
    assert "plugin backtest churn.risk --from 2017-06 --to 2017-12" in shown


def test_the_list_names_months_and_progress(admin_client):
    backtest()

    shown = admin_client.get(reverse("admin:scoring_backtest_changelist")).text

    assert "No backtest yet" not in shown
    assert all(words in shown for words in ("April 2017", "August 2017", "5 / 5", "anna"))


def test_a_page_says_of_each_month_and_of_the_whole_what_can_be_said(admin_client):
    shown = page(admin_client, backtest())

    assert "The new model beats its baseline in 1 of 3 months judged." in shown
    assert "It cannot be told in: June 2017." in shown
    assert "It is worse in: July 2017." in shown
    assert "Not judged: April 2017, August 2017." in shown
    assert "better than the baseline in 1 of 3. An older model would have scored in:" in shown
    assert "The baseline would have been kept in: July 2017." in shown
    assert "days of orders: 120 needed, 89 there" in shown
    assert "the model of May 2017" in shown
    assert "+0.03 (+0.01 to +0.05)" in shown
    assert 'class="le-chart-area"' in shown
    # April and August leave a gap: they are no zeros.
    assert shown.count('class="le-chart-primary"') == 3


def test_a_month_alone_is_drawn(admin_client):
    shown = page(admin_client, backtest(months=MONTHS[1:2]))

    assert shown.count('class="le-chart-primary"') == 1
    assert "in 1 of 1 month judged." in shown


def test_where_nothing_could_be_judged_that_is_said(admin_client):
    shown = page(admin_client, backtest(months=MONTHS[:1], decided_by=""))

    assert "No month could be judged." in shown
    assert "le-chart-area" not in shown


def test_one_that_was_stopped_is_told_from_one_that_is_over(admin_client):
    shown = page(admin_client, backtest(state="running", finished_at=None, months=MONTHS[:2]))

    assert "Whoever made it was stopped." in shown
    assert "plugin backtest churn.risk --from 2017-04 --to 2017-08" in shown


def test_one_that_failed_says_why(admin_client):
    shown = page(admin_client, backtest(state="failed", error="ScorerOutputError: 7", months=[]))

    assert "The backtest failed." in shown
    assert "ScorerOutputError: 7" in shown


def test_it_speaks_chinese(admin_client):
    one = backtest()
    with translation.override("zh-hans"):
        url = reverse("admin:scoring_backtest_change", args=[one.pk])

    shown = admin_client.get(url, headers={"accept-language": "zh-hans"}).text

    assert "在评判的 3 个月中，新模型有 1 个月优于基线。" in shown
