"""Stages of customers with news: at once, once, and the same as those of a whole pass."""

from datetime import timedelta

import numpy as np
import pytest

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.identity import customers_merge, merge_undo
from lifecycle_engine.events.models import Event, Reader
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.segments import stages, stages_following
from lifecycle_engine.segments.models import CustomerStage, StageTransition
from lifecycle_engine.warehouse.mirror import mirror_run
from tests.factories.segments import NOW, ago

pytestmark = pytest.mark.django_db(transaction=True)

_LATER = NOW + timedelta(minutes=1)


def _order(user, days, event="Order Completed"):
    item = {
        "type": "track",
        "event": event,
        "userId": user,
        "messageId": f"{user}-{event}-{days}",
        "timestamp": ago(days).isoformat(),
        "properties": {"order_id": f"{user}-{days}", "total": 5, "products": []},
    }
    assert events_ingest(source="shop", items=[item], received_at=ago(-90)).accepted == 1


def _follow(at=_LATER):
    while stages_following.stages_follow(at=at):
        pass


def _stages():
    rows = CustomerStage.objects.filter(customer__merged_into=None)
    return dict(rows.order_by("customer").values_list("customer__external_id", "stage"))


def _moves():
    rows = StageTransition.objects.filter(at__gt=NOW).order_by("pk")
    return list(rows.values_list("customer__external_id", "from_stage", "to_stage"))


def _as_by_a_whole_pass():
    """A whole pass right afterwards changes nothing, before and after the copy has the news."""
    for _ in range(2):
        assert stages.stages_refresh(at=_LATER).moved == 0
        mirror_run()


def test_who_orders_or_is_new_has_the_stage_at_once_though_the_mirror_never_ran():
    Customer.objects.create(external_id="ada")
    stages.stages_refresh(at=NOW)
    _order("ada", 3)
    _order("bob", 2, "Product Viewed")

    _follow()

    assert _stages() == {"ada": "activated", "bob": "prospect"}
    assert sorted(_moves()) == [("ada", "prospect", "activated"), ("bob", "", "prospect")]
    told = Event.objects.filter(name="Stage Changed").values_list("customer__external_id")
    assert sorted(told) == [("ada",), ("bob",)]
    _as_by_a_whole_pass()


def test_before_the_first_whole_pass_nobody_has_a_stage():
    _order("ada", 3)

    _follow()

    assert _stages() == {}
    assert Reader.objects.get(name="stages").read_total == 1
    assert stages.stages_refresh(at=NOW).events == 0
    assert _stages() == {"ada": "activated"}


def test_killed_before_it_confirms_it_moves_nobody_twice(monkeypatch):
    Customer.objects.create(external_id="ada")
    stages.stages_refresh(at=NOW)
    _order("ada", 3)

    def killed(*_args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(stages_following, "reader_confirm", killed)
        with pytest.raises(KeyboardInterrupt):
            _follow()
    _follow()

    assert _moves() == [("ada", "prospect", "activated")]
    assert Event.objects.filter(name="Stage Changed").count() == 1


def test_a_whole_pass_by_an_earlier_clock_or_an_older_copy_undoes_nothing():
    _order("ada", 9)
    mirror_run()
    stages.stages_refresh(at=NOW)
    _order("ada", 0)
    _follow()
    assert _stages() == {"ada": "retained"}

    assert stages.stages_refresh(at=NOW).moved == 0

    assert _stages() == {"ada": "retained"}


def test_merged_customers_have_one_stage_and_parted_ones_their_own():
    for user, days in (("ada", 3), ("bob", 5)):
        _order(user, days)
    stages.stages_refresh(at=NOW)
    ada, bob = Customer.objects.order_by("external_id")
    merge = customers_merge(customer_id=ada.pk, into_id=bob.pk, actor="eve", reason="", at=NOW)

    _follow()
    assert _stages() == {"bob": "retained"}
    _as_by_a_whole_pass()

    merge_undo(merge_id=merge.pk, actor="eve", at=NOW)
    _follow()
    assert _stages() == {"ada": "activated", "bob": "activated"}
    _as_by_a_whole_pass()


def test_random_news_come_to_what_a_whole_pass_from_nothing_comes_to():
    rng = np.random.default_rng(7)
    users = [f"u{number}" for number in range(12)]
    for user in users[:8]:
        for days in rng.integers(1, 200, rng.integers(0, 5)):
            _order(user, int(days))
    mirror_run()
    stages.stages_refresh(at=NOW)

    for _ in range(4):
        for user in map(str, rng.choice(users, 4, replace=False)):
            _order(user, float(rng.random() * 150))
        _follow()
    followed = _stages()
    _as_by_a_whole_pass()

    CustomerStage.objects.all().delete()
    stages.stages_refresh(at=_LATER)
    assert _stages() == followed
