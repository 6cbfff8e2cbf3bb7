"""Months that the log has dropped leave the columnar copy too, and nothing else does."""

from datetime import UTC, datetime

import pytest

from lifecycle_engine.events.models import Event
from lifecycle_engine.events.retention import log_retire
from lifecycle_engine.warehouse import mirror, tasks
from lifecycle_engine.warehouse.delta import DeltaStore
from lifecycle_engine.warehouse.schemas import LOG_TABLES
from tests.factories.mirror import assert_copy_equals_log, copied, ingest, order

LATER = datetime(2017, 12, 15, tzinfo=UTC)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def year(settings):
    """An order in each month from August to November, all of them mirrored; two months are kept."""
    settings.EVENT_RETENTION_MONTHS = None
    ingest(*(order(month, at=datetime(2017, month, 5, tzinfo=UTC)) for month in range(8, 12)))
    mirror.mirror_run()
    settings.EVENT_RETENTION_MONTHS = 2


def orders_copied():
    return sorted(row["order_id"] for row in copied("orders"))


def test_what_the_log_dropped_leaves_all_tables(year):
    log_retire(at=LATER)

    assert mirror.mirror_retain(at=LATER) == ["2017-08", "2017-09"]
    assert orders_copied() == ["10", "11"]
    assert_copy_equals_log()
    assert mirror.mirror_retain(at=LATER) == []


def test_what_the_log_still_has_stays(year):
    assert mirror.mirror_retain(at=LATER) == []
    assert len(orders_copied()) == 4


def test_without_a_setting_nothing_goes(year, settings):
    log_retire(at=LATER)
    settings.EVENT_RETENTION_MONTHS = None

    assert mirror.mirror_retain(at=LATER) == []
    assert len(orders_copied()) == 4


@pytest.mark.parametrize("survives", range(len(LOG_TABLES)))
def test_whoever_is_killed_on_the_way_is_followed_by_one_that_finishes(year, monkeypatch, survives):
    log_retire(at=LATER)
    delete, calls = DeltaStore.months_delete, []

    def killed(store, name, months):
        if len(calls) == survives:
            raise KeyboardInterrupt
        calls.append(name)
        delete(store, name, months)

    with monkeypatch.context() as patched:
        patched.setattr(DeltaStore, "months_delete", killed)
        with pytest.raises(KeyboardInterrupt):
            mirror.mirror_retain(at=LATER)

    assert mirror.mirror_retain(at=LATER) == ["2017-08", "2017-09"]
    assert_copy_equals_log()


def test_the_mirror_goes_on_where_it_was(year):
    log_retire(at=LATER)
    mirror.mirror_retain(at=LATER)
    ingest(order(12, at=datetime(2017, 11, 20, tzinfo=UTC)))

    assert mirror.mirror_run().events == 1
    assert_copy_equals_log()
    assert Event.objects.count() == 3


def test_the_task_goes_by_business_time_where_that_is_earlier(year, settings):
    log_retire(at=LATER)
    settings.ENGINE_NOW = datetime(2017, 9, 1, tzinfo=UTC)

    tasks.mirror_retain()
    assert len(orders_copied()) == 4
    settings.ENGINE_NOW = LATER
    tasks.mirror_retain()
    assert orders_copied() == ["10", "11"]
