"""Training, scoring and judging, from the real log to published scores."""

from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import ibis
import numpy as np
import pandas as pd
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from ibis.common.exceptions import IbisTypeError

from lifecycle_engine.core.models import JobRun, JobState
from lifecycle_engine.customers.models import Consent, Customer
from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.change_models import ModelChange
from lifecycle_engine.scoring.errors import (
    ArtefactError,
    LeakageError,
    ModelMissingError,
    Need,
    OutcomeWindowError,
    ScorerBusyError,
    ScorerConfigError,
    ScorerOffError,
    ScorerOutputError,
    TrainingDataError,
)
from lifecycle_engine.scoring.evaluation import model_evaluate
from lifecycle_engine.scoring.models import (
    ModelVersion,
    Recommendation,
    Score,
    ScoreHistory,
    ScorerSetting,
)
from lifecycle_engine.scoring.restoring import scorer_restored
from lifecycle_engine.scoring.running import scorer_run
from lifecycle_engine.scoring.services import model_train
from lifecycle_engine.scoring.use_models import ScorerUse
from lifecycle_engine.sdk.devices import Devices
from lifecycle_engine.sdk.scorers import MinimumData, scorers
from lifecycle_engine.warehouse.mirror import mirror_run
from tests.factories.events import ProductFactory
from tests.lifecycle_engine.scoring.conftest import AS_OF, CUSTOMERS
from tests.locks import held_elsewhere

LAPSE = "dummy.lapse"


def train(key=LAPSE, **given):
    return model_train(**{"scorer_key": key, "as_of": AS_OF, "at": AS_OF} | given)


def scores():
    columns = ("customer_id", "value", "percentile", "model_version_id", "as_of")
    return list(Score.objects.order_by("scorer_key", "customer_id").values_list(*columns))


def test_the_card_names_what_networks_were_trained_on(shop, dummy, monkeypatch):
    config = SimpleNamespace(dtype_policy=lambda: "float32", set_dtype_policy=lambda _policy: None)
    devices = Devices(SimpleNamespace(config=config), kind="Tesla T4", precision="mixed_float16")

    def fit(self, *given, before=dummy.Lapse.fit, **named):
        with devices.scope():
            before(self, *given, **named)

    assert train().card["devices"] == []
    monkeypatch.setattr(dummy.Lapse, "fit", fit)
    # A manifest of its own: which devices there are decides nothing of that.
    version = train(as_of=AS_OF - timedelta(days=1))

    assert version.card["devices"] == [devices.as_json()]


def test_a_model_is_trained_scores_and_is_judged(shop, dummy):
    version = train()

    assert (version.number, version.state) == (1, "champion")
    assert version.card["better_than_baseline"] is True
    assert version.card["decided_by"] == "average_precision"
    assert version.card["validation"]["from"] == "2017-11-11T00:00:00+00:00"
    assert version.card["validation"]["until"] == "2017-12-01T00:00:00+00:00"
    # Every training window ends where the window that judges begins, or before; so do choices.
    assert version.card["choice"]["until"] == version.card["validation"]["from"]
    assert [w["until"][:10] for w in version.card["training"]] == [
        "2017-11-11",
        "2017-10-27",
    ]
    assert version.features == ["recency_days", "orders_30d", "largest"]

    result = scorer_run(scorer_key=LAPSE, as_of=AS_OF)

    assert (result.customers, result.written, result.withdrawn) == (CUSTOMERS, CUSTOMERS, 0)
    values = pd.Series([row[1] for row in scores()])
    assert np.allclose([row[2] for row in scores()], values.rank(pct=True) * 100)
    assert ScoreHistory.objects.count() == CUSTOMERS

    found = model_evaluate(scorer_key=LAPSE, as_of=AS_OF)

    assert (found.start, found.end) == (AS_OF, AS_OF + timedelta(days=20))
    assert found.customers == CUSTOMERS
    assert found.metrics["auc"].model > 0.8
    assert found.metrics["auc"].baseline == 0.5
    version.refresh_from_db()
    assert version.card["outcome"] == found.as_json()
    assert list(JobRun.objects.order_by("pk").values_list("name", "subject", "state")) == [
        ("scoring.train", LAPSE, JobState.SUCCEEDED),
        ("scoring.run", LAPSE, JobState.SUCCEEDED),
    ]


def test_what_can_not_be_seen_is_published_and_what_can_is_judged(shop, dummy):
    class Yearly(dummy.Spend):
        key = "dummy.yearly"

        def predict(self, frame):
            return super().predict(frame) * 18

        def judged(self, frame):
            return dummy.Spend.predict(self, frame)

    with scorers.temporarily(Yearly):
        version, short = train("dummy.yearly"), train("dummy.spend")
        for key in ("dummy.yearly", "dummy.spend"):
            scorer_run(scorer_key=key, as_of=AS_OF)
        outcomes = [model_evaluate(scorer_key=k, as_of=AS_OF) for k in (Yearly.key, "dummy.spend")]

    judged = [v.card["validation"]["metrics"]["mae"]["model"] for v in (version, short)]
    assert judged[0] == pytest.approx(judged[1])
    assert outcomes[0].total_ratio == pytest.approx(outcomes[1].total_ratio)
    assert outcomes[0].metrics["mae"].model == pytest.approx(outcomes[1].metrics["mae"].model)
    values = {row.scorer_key: row.value for row in Score.objects.all()}
    assert values["dummy.yearly"] == pytest.approx(values["dummy.spend"] * 18)


def test_doing_it_again_changes_nothing(shop, dummy):
    version = train()
    scorer_run(scorer_key=LAPSE, as_of=AS_OF)
    before = scores()

    assert train() == version
    again = scorer_run(scorer_key=LAPSE, as_of=AS_OF)

    assert (again.customers, again.written, again.withdrawn) == (CUSTOMERS, 0, 0)
    assert scores() == before
    assert ModelVersion.objects.count() == 1
    assert ScoreHistory.objects.count() == CUSTOMERS


def test_the_figures_of_equal_data_are_equal_to_the_last_digit(shop):
    before = [item for item in shop if item["timestamp"] < AS_OF.isoformat()]
    orders = [item["properties"]["total"] for item in before]

    found = datasets.data_figures(as_of=AS_OF)

    # Floats come to something else, by the order in which they are added up.
    assert Decimal(found["value"]) == sum(Decimal(str(value)) for value in orders)
    assert found["orders"] == str(len(orders))


def test_equal_data_and_seed_give_equal_models(shop, dummy):
    frame = datasets.feature_frame(dummy.Lapse(), as_of=AS_OF)
    first = scorer_restored(version=train()).predict(frame)
    ModelChange.objects.all().delete()
    ScorerUse.objects.all().delete()
    ModelVersion.objects.all().delete()

    assert scorer_restored(version=train()).predict(frame).equals(first)


def test_other_configuration_or_data_make_another_version(shop, dummy):
    train()
    ScorerSetting.objects.create(key=LAPSE, config={"strength": 0.5})

    second = train()
    third = train(as_of=AS_OF - timedelta(days=1))

    assert (second.number, second.config) == (2, {"strength": 0.5})
    assert third.number == 3
    # Another recipe has to be shown to be better, and one from the past can't be compared.
    assert [v.card["decision"]["reason"] for v in (second, third)] == [
        "not shown to be better than the champion",
        "the champion has seen the newest window",
    ]


def test_a_model_worse_than_its_baseline_stays_a_candidate(shop, dummy, monkeypatch):
    first = train()
    scorer_run(scorer_key=LAPSE, as_of=AS_OF)
    right = dummy.Lapse.predict
    monkeypatch.setattr(dummy.Lapse, "predict", lambda self, frame: 1 - right(self, frame))

    worse = train(as_of=AS_OF - timedelta(days=1))

    assert (worse.number, worse.state) == (2, "challenger")
    assert worse.card["better_than_baseline"] is False
    first.refresh_from_db()
    assert first.state == "champion"
    monkeypatch.undo()
    assert scorer_run(scorer_key=LAPSE, as_of=AS_OF).written == 0


def test_the_first_model_scores_even_when_it_is_worse_and_its_card_says_so(
    shop, dummy, monkeypatch
):
    right = dummy.Lapse.predict
    monkeypatch.setattr(dummy.Lapse, "predict", lambda self, frame: 1 - right(self, frame))

    only = train()

    assert (only.state, only.card["better_than_baseline"]) == ("champion", False)


def test_who_objects_to_profiling_is_neither_learned_from_nor_scored(shop, dummy):
    train()
    scorer_run(scorer_key=LAPSE, as_of=AS_OF)
    objector = Customer.objects.get(external_id="customer-07")
    Consent.objects.create(
        customer=objector, purpose="profiling", granted=False, source="test", channel=""
    )

    version = train()
    result = scorer_run(scorer_key=LAPSE, as_of=AS_OF)

    assert version.number == 2
    assert version.card["validation"]["rows"] == CUSTOMERS - 1
    assert (result.customers, result.withdrawn) == (CUSTOMERS - 1, 1)
    assert not Score.objects.filter(customer=objector).exists()


def test_a_ranking_is_published_and_judged(shop, dummy):
    version = train("dummy.again")
    result = scorer_run(scorer_key="dummy.again", as_of=AS_OF)
    found = model_evaluate(scorer_key="dummy.again", as_of=AS_OF)

    assert version.card["decided_by"] == "ndcg_at_10"
    assert result.customers == result.written == Recommendation.objects.count() == CUSTOMERS
    items = Recommendation.objects.get(customer__external_id="customer-03").items
    assert items[0]["sku"] == "sku-3"
    assert items[0]["reason"] == "You buy it often"
    assert found.metrics["hit_rate_at_10"].model == 1.0
    assert found.metrics["hit_rate_at_10"].baseline == 0.0
    assert scorer_run(scorer_key="dummy.again", as_of=AS_OF).written == 0


def test_half_a_run_is_never_published(shop, dummy, monkeypatch):
    train()
    scorer_run(scorer_key=LAPSE, as_of=AS_OF)
    before = scores()
    monkeypatch.setattr("lifecycle_engine.scoring.frames.SHARD", 10)
    whole = dummy.Lapse.predict

    def broken(self, frame):
        found = whole(self, frame)
        return found.where(found.index < found.index.max() - 3) if frame.index[0] > 25 else found

    monkeypatch.setattr(dummy.Lapse, "predict", broken)
    with pytest.raises(ScorerOutputError, match=r"dummy\.lapse gave nan to customer"):
        scorer_run(scorer_key=LAPSE, as_of=AS_OF + timedelta(days=1))

    assert scores() == before
    assert JobRun.objects.latest("pk").state == JobState.FAILED


def test_a_scorer_can_not_see_what_it_is_to_predict(shop, dummy, monkeypatch):
    def peek(self, tables):
        end = tables.as_of + timedelta(days=20)
        return (
            tables.window(tables.as_of, end)
            .orders.group_by("customer_id")
            .aggregate(largest=tables.orders.value.max())
        )

    monkeypatch.setattr(dummy.Lapse, "own_features", peek)
    with pytest.raises(LeakageError, match="may see only the beginning to 2017"):
        train()

    monkeypatch.setattr(dummy.Lapse, "own_features", lambda self, tables: tables["scores"])
    with pytest.raises(LeakageError, match="'scores': it knows only the present"):
        train()

    def settled(self, tables):
        return tables.customers.select(customer_id="id", largest="attributes")

    monkeypatch.setattr(dummy.Lapse, "own_features", settled)
    with pytest.raises(IbisTypeError, match=r"'attributes' is not found.*'id', 'language', 'creat"):
        train()

    for table, column in (("products", "price"), ("events", "received_at")):

        def later(self, tables, table=table, column=column):
            return tables[table].select(customer_id=1, largest=column)

        monkeypatch.setattr(dummy.Lapse, "own_features", later)
        with pytest.raises(IbisTypeError, match=f"'{column}' is not found"):
            train()

    assert ModelVersion.objects.count() == 0
    newest = {}

    def look(self, tables):
        found = tables.execute(tables.orders.aggregate(at=tables.orders.occurred_at.max()))
        newest[tables.as_of] = found.column("at")[0].as_py()
        return tables.orders.group_by("customer_id").aggregate(largest=tables.orders.value.max())

    monkeypatch.setattr(dummy.Lapse, "own_features", look)
    train()
    assert len(newest) == 7
    assert all(last < as_of for as_of, last in newest.items())


@pytest.mark.parametrize(
    ("key", "target", "right"), [(LAPSE, 0.5, "0 or 1"), ("dummy.spend", -1.0, "0 or more")]
)
def test_an_outcome_that_the_output_is_not_about_is_refused(
    shop, dummy, monkeypatch, key, target, right
):
    def outcome(self, tables):
        return tables.orders.select("customer_id").distinct().mutate(target=ibis.literal(target))

    monkeypatch.setattr(scorers.get(key), "outcome", outcome)
    with pytest.raises(
        ScorerOutputError, match=rf"outcome of customer .* is {target:g}, not {right}"
    ):
        train(key)
    assert not ModelVersion.objects.exists()


def test_what_can_be_bought_is_known_of_today_only(shop):
    ProductFactory(available=False)
    mirror_run()

    def sold(**given):
        with datasets.history(as_of=AS_OF, excluded=(), **given) as tables:
            return set(tables.execute(tables.products.select("available"))["available"].to_pylist())

    assert sold() == {True}
    assert sold(stock=True) == {False}


def test_a_tampered_model_does_not_score(shop, dummy):
    version = train()
    default_storage.delete(version.artefact)
    default_storage.save(version.artefact, ContentFile(b"something else"))

    with pytest.raises(ArtefactError, match="does not have the recorded SHA-256"):
        scorer_run(scorer_key=LAPSE, as_of=AS_OF)

    assert scores() == []


def test_a_scorer_is_refused_with_the_reason(shop, dummy):
    with pytest.raises(ModelMissingError, match=r"dummy\.lapse has no trained model"):
        scorer_run(scorer_key=LAPSE, as_of=AS_OF)
    with pytest.raises(TrainingDataError, match="needs 80 days of orders; there are 29") as short:
        train(as_of=AS_OF - timedelta(days=91))
    assert JobRun.objects.latest("pk").result == {"needs": short.value.as_json()}
    with pytest.raises(TrainingDataError, match="can't learn from 2017-12-02"):
        train(as_of=AS_OF + timedelta(days=1))
    with pytest.raises(OutcomeWindowError, match="published nothing"):
        model_evaluate(scorer_key=LAPSE, as_of=AS_OF)
    setting = ScorerSetting.objects.create(key=LAPSE, config={"strenght": 2})
    with pytest.raises(ScorerConfigError, match="strenght=2"):
        train()
    setting.mode = "off"
    setting.save()
    with pytest.raises(ScorerOffError, match="switched off"):
        train()
    assert ModelVersion.objects.count() == 0


def test_too_little_data_is_refused_with_what_is_wanted_and_what_is_there(shop, dummy, monkeypatch):
    few = MinimumData(customers=500, positives=30, negatives=10, days=180)
    monkeypatch.setattr(dummy.Lapse, "minimum", few)
    with pytest.raises(TrainingDataError) as refused:
        train()
    assert str(refused.value) == (
        "Scorer dummy.lapse needs 500 customers and 180 days of orders; there are 40 and 120"
    )
    assert refused.value.needs == (Need("customers", 500, 40), Need("days", 180, 120))

    monkeypatch.setattr(dummy.Lapse, "minimum", MinimumData(customers=20, positives=30))
    with pytest.raises(TrainingDataError, match="30 customers of whom it came true; there are"):
        train()
    assert ModelVersion.objects.count() == 0


def test_what_is_chosen_on_and_what_is_learned_never_reach_into_what_judges(
    shop, dummy, monkeypatch
):
    calls = []
    whole = dummy.Lapse.fit

    def fit(self, frame, target, *, validation, rng, progress=None):
        calls.append((_cutoffs(frame), None if validation is None else _cutoffs(validation[0])))
        whole(self, frame, target, validation=validation, rng=rng)

    monkeypatch.setattr(dummy.Lapse, "fit", fit)
    train()

    horizon = timedelta(days=20)
    judged = AS_OF - horizon
    (choosing, choice), (before, nothing), (everything, nothing_either) = calls
    assert choice == [judged - horizon]
    assert max(choosing) + horizon == choice[0]
    assert max(before) + horizon == judged
    assert max(everything) == judged
    assert nothing is nothing_either is None

    calls.clear()
    monkeypatch.setattr(dummy.Lapse, "chooses", False)
    train(as_of=AS_OF - timedelta(days=1))
    assert [choice for _, choice in calls] == [None, None]


def _cutoffs(frame):
    return sorted(frame.index.unique("cutoff"))


def test_one_worker_at_a_time(shop, dummy):
    train()
    versions, runs = ModelVersion.objects.count(), JobRun.objects.count()
    with held_elsewhere(f"scoring:{LAPSE}"):
        with pytest.raises(ScorerBusyError, match=r"dummy\.lapse .* by another worker"):
            train(as_of=AS_OF - timedelta(days=1))
        with pytest.raises(ScorerBusyError, match=r"dummy\.lapse .* by another worker"):
            scorer_run(scorer_key=LAPSE, as_of=AS_OF)
    assert (ModelVersion.objects.count(), JobRun.objects.count()) == (versions, runs)
    assert scores() == []
    assert scorer_run(scorer_key=LAPSE, as_of=AS_OF).written == CUSTOMERS


def test_a_scorer_in_shadow_mode_publishes_nothing(shop, dummy):
    ScorerSetting.objects.create(key=LAPSE, mode="shadow")
    train()

    result = scorer_run(scorer_key=LAPSE, as_of=AS_OF)

    assert (result.customers, result.written) == (CUSTOMERS, 0)
    assert scores() == []
