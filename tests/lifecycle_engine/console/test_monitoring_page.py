"""The page and the API of models in use."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.formats import date_format

from lifecycle_engine.console.monitoring_plots import outcome_plot
from lifecycle_engine.core.models import JobRun, Scope
from lifecycle_engine.core.services import api_key_create
from lifecycle_engine.scoring.check_models import ModelCheck
from lifecycle_engine.scoring.models import ModelState, ScorerSetting
from lifecycle_engine.scoring.monitoring.selectors import standings
from lifecycle_engine.scoring.monitoring.uses import use_open, use_set
from lifecycle_engine.scoring.run_models import ScoringRun
from lifecycle_engine.scoring.use_models import Use, UseCause
from tests.factories.scoring import AS_OF, ModelVersionFactory

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "churn.risk"


@pytest.fixture(autouse=True)
def clock(settings):
    settings.ENGINE_NOW = AS_OF


def run(version, ago, **values):
    as_of = AS_OF - timedelta(days=ago)
    return ScoringRun.objects.create(
        **{
            "scorer_key": version.scorer_key,
            "model_version": version,
            "as_of": as_of,
            "state": "published",
            "customers": 2500,
            "finished_at": as_of,
            **values,
        }
    )


def outcome(run, low, high):
    metric = {
        "name": "average_precision",
        "model": 0.4 + low + 0.05,
        "baseline": 0.4,
        "difference": low + 0.05,
        "low": low,
        "high": high,
        "higher_is_better": True,
        "better": low + 0.05 > 0,
    }
    state = "breach" if high < 0 else "ok"
    finding = {"what": "outcomes", "state": state, "value": low + 0.05, "limit": 0.0, "over": False}
    figures = {"from": run.as_of.isoformat(), "customers": 2000, "metric": metric}
    return ModelCheck.objects.create(
        scorer_key=run.scorer_key,
        run=run,
        kind="outcomes",
        state=state,
        figures=figures,
        findings=[finding],
        at=run.as_of + timedelta(days=31),
    )


@pytest.fixture
def in_use():
    version = ModelVersionFactory(scorer_key=KEY, number=3, state=ModelState.CHAMPION)
    judged = [run(version, ago) for ago in (60, 45, 32)]
    for one, low in zip(judged, (0.05, -0.04, -0.2), strict=True):
        outcome(one, low, low + 0.1)
    newest = run(version, 0)
    found = {"what": "inputs", "state": "ok", "value": 0.4, "limit": 0.25, "over": True}
    ModelCheck.objects.create(
        scorer_key=KEY,
        run=newest,
        kind="run",
        state="ok",
        at=AS_OF,
        findings=[found | {"feature": "recency_days"}],
        figures={"inputs": [{"feature": "recency_days", "psi": 0.4}], "scores": 0.02},
    )
    return version


def test_before_the_first_model_it_is_said_what_happens(admin_client):
    assert "No model is in use yet" in admin_client.get(reverse("monitoring")).text


def test_each_scorer_with_what_was_found_and_what_to_do(admin_client, in_use):
    page = admin_client.get(reverse("monitoring")).text

    for words in ("Churn risk", "Breach", "model in use", "recency_days", "once so far"):
        assert words in page
    assert "train it anew" in page
    assert "Average precision (higher is better)" in page


def test_of_scores_that_are_asked_for_it_says_that_there_are_no_runs(admin_client):
    ModelVersionFactory(scorer_key="purchase.next_hour", number=1, state="champion")
    page = admin_client.get(reverse("monitoring")).text
    told = page.partition('id="purchase.next_hour"')[2].partition("</section>")[0]

    assert "when somebody asks for them by API" in told
    assert "Use the baseline" in told
    for words in ("Last run", "Not checked yet", "No outcomes yet", "Check now"):
        assert words not in told


def test_the_page_takes_as_many_queries_for_one_scorer_as_for_three(
    in_use, django_assert_num_queries
):
    for number, key in enumerate(("value.spend_30d", "recommender.next_products"), start=8):
        outcome(run(ModelVersionFactory(scorer_key=key, number=number, state="champion"), 40), 0, 1)

    with django_assert_num_queries(9):
        found = standings(at=AS_OF)

    assert [one.state for one in found] == ["breach", "breach", "breach"]


def told_of_training(admin_client):
    page = admin_client.get(reverse("monitoring")).text
    return page.partition("<dt>Training</dt>")[2].partition("</div>")[0]


def test_how_often_it_is_trained_by_whose_word_and_when_next(admin_client, in_use):
    assert standings(at=AS_OF)[0].next_training == AS_OF + timedelta(hours=2)
    assert "each night, as the plugin says; next on" in told_of_training(admin_client)

    setting = ScorerSetting.objects.create(key=KEY, train_every_days=7)
    told = told_of_training(admin_client)

    (one,) = standings(at=AS_OF)
    assert one.next_training == in_use.as_of + timedelta(days=7, hours=2)
    day = date_format(one.next_training, "DATE_FORMAT")
    assert f"every 7 days, as staff say; next on {day}" in told
    assert reverse("admin:scoring_scorersetting_change", args=[setting.pk]) in told
    ScorerSetting.objects.update(mode="off")
    assert "none while it is off" in told_of_training(admin_client)


def row_of(page, key):
    return page.partition(f'<tr id="{key}">')[2].partition("</tr>")[0]


def test_who_is_not_in_use_is_listed_with_what_it_waits_for(admin_client, in_use):
    ScorerSetting.objects.create(key="value.alive", mode="off")
    for key, result, error in (
        (
            "value.spend_90d",
            {"needs": [{"what": "days", "wanted": 180, "found": 97}]},
            "too little",
        ),
        ("value.next_order_days", {}, "ValueError: boom"),
    ):
        JobRun.objects.create(
            name="scoring.train", subject=key, state="failed", result=result, error=error
        )

    page = admin_client.get(reverse("monitoring")).text

    assert not row_of(page, KEY)
    off = row_of(page, "churn.sequence")
    assert "Off" in off
    assert f"{reverse('admin:scoring_scorersetting_add')}?key=churn.sequence&amp;mode=shadow" in off
    assert "/scorersetting/" in row_of(page, "value.alive")
    assert "/add/" not in row_of(page, "value.alive")
    assert "days of orders: 180 needed, 97 there" in row_of(page, "value.spend_90d")
    assert "ValueError: boom" in row_of(page, "value.next_order_days")
    assert "each night" in row_of(page, "value.spend_30d")
    with_key = admin_client.get(
        reverse("admin:scoring_scorersetting_add"), {"key": "churn.sequence", "mode": "shadow"}
    ).text
    assert 'value="churn.sequence"' in with_key


def test_staff_choose_with_a_reason_and_only_who_may(admin_client, client, in_use):
    address = reverse("monitoring-use", args=[KEY])
    assert client.post(address, {"to": "baseline", "reason": "x"}).status_code == 302
    admin_client.post(address, {"to": "baseline", "reason": " "})
    admin_client.post(address, {"to": "nonsense", "reason": "x"})
    assert use_open(scorer_key=KEY) is None

    admin_client.post(address, {"to": "baseline", "reason": "It calls the wrong ones"})

    held = use_open(scorer_key=KEY)
    assert (held.use, held.by, held.reason) == ("baseline", "admin", "It calls the wrong ones")
    page = admin_client.get(reverse("monitoring")).text
    assert "It calls the wrong ones" in page
    assert "Use the model" in page
    card = reverse("admin:scoring_modelversion_change", args=[in_use.pk])
    assert "published in place of this model" in admin_client.get(card).text
    assert "baseline in use" in admin_client.get(reverse("admin:index")).text


@pytest.mark.parametrize(
    ("key", "said"), [(KEY, "from the next run on"), ("purchase.next_hour", "from now on")]
)
def test_from_when_on_the_choice_holds(admin_client, key, said):
    ModelVersionFactory(
        scorer_key=key, number=1, state="champion", card={"better_than_baseline": True}
    )
    address = reverse("monitoring-use", args=[key])
    page = admin_client.post(address, {"to": "baseline", "reason": "x"}, follow=True).text
    assert f"It holds {said}." in page


def test_a_check_is_asked_for(admin_client, in_use, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "lifecycle_engine.console.monitoring_page.enqueue",
        lambda name, **given: asked.append((name, given["scorer_key"])),
    )
    admin_client.post(reverse("monitoring-use", args=[KEY]), {"to": "check"})

    assert asked == [("scoring.check", KEY)]


def test_what_brought_a_fallback_about_stays_on_the_page(in_use):
    judged = ScoringRun.objects.order_by("-as_of")[1]
    use_set(
        scorer_key=KEY,
        use=Use.BASELINE,
        cause=UseCause.OUTCOMES,
        reason="seen",
        judged_as_of=judged.as_of,
    )

    (one,) = standings(at=AS_OF)

    assert (one.by_baseline, one.state) == (True, "breach")
    use_set(scorer_key=KEY, use=Use.MODEL, cause=UseCause.HAND, reason="fixed", by="anna")
    (one,) = standings(at=AS_OF)
    assert (one.by_baseline, one.state) == (False, "ok")


def test_the_api_says_the_same_to_who_may_read(client, in_use):
    def ask(address, **given):
        name = f"reader {address} {given}"
        _key, secret = api_key_create(name=name, scopes=[Scope.CUSTOMERS_READ], **given)
        return client.get(address, headers={"Authorization": f"Bearer {secret}"})

    (one,) = ask("/api/v1/monitoring/").json()

    assert (one["scorer"], one["state"], one["publishes"]) == (KEY, "breach", "model")
    assert [part["metric"]["low"] for part in one["outcomes"]] == [0.05, -0.04, -0.2]
    assert ask(f"/api/v1/scorers/{KEY}/monitoring/").json() == one
    assert ask("/api/v1/scorers/value.alive/monitoring/").status_code == 404
    assert ask("/api/v1/monitoring/", partner="shop").status_code == 403


def test_the_plot_says_what_is_shown(in_use):
    figures = list(ModelCheck.objects.filter(kind="outcomes").order_by("run__as_of"))

    chart = outcome_plot([one.figures for one in figures], name=str)

    drawn = [tone in chart.svg for tone in ("circle", "le-chart-good", "le-chart-quiet")]
    assert (drawn, "le-chart-bad" in chart.svg) == ([True] * 3, True)
    assert chart.rows[0][3] == "+0.050 – +0.150"


def test_the_plot_has_room_for_the_baseline(in_use):
    (one, *_others) = ModelCheck.objects.filter(kind="outcomes").order_by("-run__as_of")

    drawn = outcome_plot([one.figures], name=str).svg

    # The baseline is the highest here: at the top of the plot, not above it.
    assert 'class="le-chart-line" x1="50.0%" x2="54.0%" y1="16.0" y2="16.0"' in drawn
