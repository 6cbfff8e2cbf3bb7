"""What one publication does to the scores and to their history, statement by statement."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from django.db import IntegrityError, connection

from lifecycle_engine.core.bulk import copy_arrow
from lifecycle_engine.scoring.models import Score, ScoreHistory
from lifecycle_engine.scoring.publishing import scores_publish
from lifecycle_engine.scoring.run_models import ScoringRun
from lifecycle_engine.sdk.scorers import scorers
from tests.factories.scoring_runs import AS_OF, KEY, Echo, champion, people

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def customers():
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM scoring_incoming")  # No model's, so no test empties it.
    return [customer.pk for customer in people(4)]


@pytest.fixture
def model(customers):
    with scorers.temporarily():
        scorers.register(Echo)
        yield champion()


def publish(model, values, *, as_of=AS_OF):
    """Publish a run that came to these values, by customer."""
    run = ScoringRun.objects.create(scorer_key=KEY, model_version=model, as_of=as_of)
    staged = {
        "run_id": np.full(len(values), run.pk),
        "customer_id": [customer for customer, _ in values],
        "value": [value for _, value in values],
    }
    copy_arrow("scoring_incoming", pa.table(staged))
    try:
        return scores_publish(run=run, objectors=[])
    except IntegrityError:
        ScoringRun.objects.filter(pk=run.pk).update(state="failed", finished_at=as_of)
        raise


def scores():
    return dict(Score.objects.values_list("customer_id", "value"))


def history():
    return sorted(ScoreHistory.objects.values_list("customer_id", "as_of", "value"))


def test_the_same_moment_again_replaces_its_history(customers, model):
    a, b, c, _ = customers
    publish(model, [(a, 1.0), (b, 2.0), (c, 3.0)])
    result = publish(model, [(a, 1.0), (b, 2.5), (c, 3.0)])

    assert (result.written, result.withdrawn) == (1, 0)
    assert scores() == {a: 1.0, b: 2.5, c: 3.0}
    assert history() == [(a, AS_OF, 1.0), (b, AS_OF, 2.5), (c, AS_OF, 3.0)]


def test_a_score_that_was_withdrawn_comes_back_at_the_same_moment(customers, model):
    a, b, *_ = customers
    publish(model, [(a, 1.0), (b, 2.0)])
    assert publish(model, [(a, 1.0)]).withdrawn == 1
    publish(model, [(a, 1.0), (b, 3.0)])

    assert scores() == {a: 1.0, b: 3.0}
    assert history()[-1] == (b, AS_OF, 3.0)
    assert ScoreHistory.objects.filter(customer_id=b).count() == 1


def test_a_later_moment_adds_history_only_for_who_moved(customers, model):
    a, b, *_ = customers
    later = AS_OF + timedelta(days=1)
    publish(model, [(a, 1.0), (b, 2.0)])
    result = publish(model, [(a, 1.0), (b, 3.0)], as_of=later)

    assert result.written == 2  # Of the later moment are both.
    assert history() == [(a, AS_OF, 1.0), (b, AS_OF, 2.0), (b, later, 3.0)]


def test_of_classes_only_who_changes_class_has_history(customers, model):
    a, b, c, _ = customers
    model.classes = {"1": "often", "2": "rarely"}
    model.save()
    publish(model, [(a, 1.0), (b, 2.0), (c, 2.0)])
    later = AS_OF + timedelta(days=1)

    publish(model, [(a, 1.0), (b, 2.0), (c, 1.0)], as_of=later)

    assert [row for row in history() if row[1] == later] == [(c, later, 1.0)]
    assert ScoringRun.objects.latest("pk").class_counts == {"1": 2, "2": 1}
    assert set(Score.objects.values_list("percentile", flat=True)) == {0.0}


def test_an_earlier_moment_changes_nothing(customers, model):
    a, b, *_ = customers
    publish(model, [(a, 1.0), (b, 2.0)])
    before = history()
    result = publish(model, [(a, 9.0), (b, 8.0)], as_of=AS_OF - timedelta(days=1))

    assert (result.customers, result.written, result.withdrawn) == (2, 0, 0)
    assert scores() == {a: 1.0, b: 2.0}
    assert history() == before


def test_a_customer_with_two_scores_stops_the_publication(customers, model):
    a, b, c, _ = customers
    publish(model, [(a, 1.0), (b, 2.0)])
    before = history()
    with pytest.raises(IntegrityError, match="score_incoming_customer"):
        publish(model, [(a, 5.0), (b, 6.0), (b, 7.0), (c, 1.0)], as_of=AS_OF + timedelta(days=1))

    assert scores() == {a: 1.0, b: 2.0}
    assert history() == before
