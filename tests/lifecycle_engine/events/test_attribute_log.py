"""Attributes: learnt from the log, conflicts counted and shown, history told."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from lifecycle_engine.customers.attributes import (
    attribute_fix,
    attribute_values,
    attributes_known,
)
from lifecycle_engine.customers.models import Attribute, AttributeKind, Customer
from lifecycle_engine.events import attribute_log
from lifecycle_engine.events.attribute_log import (
    attribute_history,
    attributes_learn,
    conflict_example,
)
from lifecycle_engine.events.models import Event
from lifecycle_engine.events.readers import reader_restart
from lifecycle_engine.events.services import events_ingest
from tests.factories.customers import CustomerFactory

AT = datetime(2017, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
LATER = AT + 30 * DAY


def identify(number, *, day=0, who="ada", source="shop", **traits):
    item = {
        "type": "identify",
        "messageId": f"{source}-{number}",
        "userId": who,
        "timestamp": (AT + day * DAY).isoformat(),
        "traits": traits,
    }
    result = events_ingest(source=source, items=[item], received_at=LATER)
    assert result.rejected == []


@pytest.fixture
def learnt(transactional_db):
    """Reads the log to its end and gives what is known of each attribute."""

    def learnt():
        while attributes_learn():
            pass
        return {row.name: row for row in Attribute.objects.all()}

    return learnt


def test_kinds_are_learnt_from_the_first_values(learnt):
    identify(
        1,
        email="ada@example.com",
        firstName="Ada",
        createdAt="2017-01-01T00:00:00Z",
        size="M",
        age=36,
        vip=True,
        birthday="1980-12-10",
        seen="2017-05-31T08:30:00.5+02:00",
        no_date="2017-13-45",
        tags=["a"],
        address={"city": "London"},
        nothing=None,
    )

    kinds = {name: row.kind for name, row in learnt().items()}

    assert kinds == {
        "size": "text",
        "age": "number",
        "vip": "boolean",
        "birthday": "moment",
        "seen": "moment",
        "no_date": "text",
        "tags": "list",
        "address": "object",
    }


def test_dates_among_other_texts_are_texts(learnt):
    identify(1, note="2017-01-01")
    identify(2, note="soon")
    identify(3, score=1)
    identify(4, score="1")
    identify(5, score=2)

    found = learnt()

    assert (found["note"].kind, found["note"].conflicts) == ("text", 0)
    assert (found["score"].kind, found["score"].conflicts) == ("number", 1)


def test_what_does_not_fit_is_kept_counted_and_can_be_seen(learnt):
    identify(1, day=1, age=36)
    assert learnt()["age"].conflicts == 0

    identify(2, day=3, age="thirty-six", source="app")
    identify(3, day=2, age=37)
    identify(4, day=4, age=None)
    age = learnt()["age"]

    assert (age.kind, age.fixed, age.seen, age.conflicts) == ("number", False, 3, 1)
    assert (age.first_seen_at, age.last_seen_at) == (AT + DAY, AT + 3 * DAY)
    assert (age.conflict_kind, age.conflict_source) == ("text", "app")
    assert age.conflict_at == AT + 3 * DAY
    assert conflict_example(age) == "thirty-six"
    Event.objects.filter(pk=age.conflict_event_id).delete()
    assert conflict_example(age) is None


def test_the_customer_keeps_what_was_sent(learnt):
    identify(1, age=36)
    learnt()
    identify(2, age="thirty-six")
    learnt()

    assert Customer.objects.get().attributes == {"age": "thirty-six"}


def test_a_kind_that_staff_set_is_never_changed_by_traffic(learnt):
    identify(1, plan=1)
    learnt()
    identify(2, plan="gold")
    plan = learnt()["plan"]
    assert plan.conflicts == 1

    attribute_fix(attribute_id=plan.pk, kind=AttributeKind.TEXT, description="Tariff")
    identify(3, plan=2)
    identify(4, plan="2017-01-01")
    plan = learnt()["plan"]

    assert (plan.kind, plan.fixed, plan.description) == ("text", True, "Tariff")
    assert (plan.conflicts, plan.conflict_kind) == (1, "number")


def test_nothing_is_counted_twice_and_one_pass_is_as_good_as_many(learnt):
    for number in range(6):
        identify(number, day=number, size="M" if number % 2 else number)

    while attributes_learn(limit=1):
        pass
    apart = learnt()["size"]
    Attribute.objects.all().delete()
    reader_restart(attribute_log.READER)
    together = learnt()["size"]

    assert (apart.seen, apart.conflicts) == (together.seen, together.conflicts) == (6, 3)
    assert (apart.kind, together.kind) == ("number", "number")


def test_names_are_learnt_up_to_a_limit(learnt, monkeypatch):
    monkeypatch.setattr(attribute_log, "NAMES_LIMIT", 2)
    identify(1, a=1, b=1, c=1)
    identify(2, d=1, **{"x" * 201: 1})

    assert sorted(learnt()) == ["a", "b"]
    identify(3, a=2, e=1)
    assert learnt()["a"].seen == 2


@pytest.mark.django_db
def test_the_history_says_what_was_new_the_newest_first():
    identify(1, day=1, size="M", email="ada@example.com")
    identify(2, day=2, size="M", age=36)
    identify(3, day=3, size="L", age=None, email="new@example.com")
    identify(4, day=3, who="bob", size="XS")
    ada = Customer.objects.get(external_id="ada")
    # What a merged profile said is hers.
    Customer.objects.filter(external_id="bob").update(merged_into=ada)

    def told(history):
        return [
            (change.at - AT, change.name, change.previous, change.value, change.hidden)
            for change in history.changes
        ]

    whole = told(attribute_history(customer_id=ada.pk))
    pages, place = [], None
    while True:
        page = attribute_history(customer_id=ada.pk, after=place, limit=2)
        pages += told(page)
        place = page.following
        if place is None:
            break

    assert pages == whole
    assert whole == [
        (3 * DAY, "size", "L", "XS", False),
        (3 * DAY, "size", "M", "L", False),
        (3 * DAY, "email", None, None, True),
        (3 * DAY, "age", 36, None, False),
        (2 * DAY, "age", None, 36, False),
        (DAY, "size", None, "M", False),
        (DAY, "email", None, None, True),
    ]


@pytest.mark.django_db
def test_a_builder_is_offered_names_and_frequent_values():
    for name, seen, kind in (("size", 5, "text"), ("Sizes", 9, "list"), ("age", 7, "number")):
        Attribute.objects.create(name=name, kind=kind, seen=seen, first_seen_at=AT, last_seen_at=AT)
    for size in ("M", "M", "L", "medium", 42, True, ["M"], None, "x" * 101):
        CustomerFactory(attributes={"size": size})
    CustomerFactory(attributes={})

    assert [(k.name, k.kind) for k in attributes_known(prefix="si")] == [
        ("Sizes", "list"),
        ("size", "text"),
    ]
    assert [known.name for known in attributes_known(limit=2)] == ["Sizes", "age"]
    values = [(value.value, value.customers) for value in attribute_values(name="size")]
    assert values == [("M", 2), ("42", 1), ("L", 1), ("medium", 1), ("true", 1)]
    assert [value.value for value in attribute_values(name="size", prefix="m")] == ["M", "medium"]
    assert attribute_values(name="size", limit=1)[0].value == "M"
    assert attribute_values(name="\0") == attributes_known(prefix="\0") == []


def test_staff_see_the_conflict_and_set_the_kind(learnt, admin_client):
    identify(1, age=36)
    learnt()
    identify(2, age="<b>36</b>", source="app")
    age = learnt()["age"]
    url = reverse("admin:customers_attribute_change", args=[age.pk])

    page = admin_client.get(url).text
    assert "&lt;b&gt;36&lt;/b&gt;" in page
    assert "app" in page

    answer = admin_client.post(url, {"kind": "text", "description": "In years"})
    assert answer.status_code == 302
    age.refresh_from_db()
    assert (age.kind, age.fixed, age.conflicts, age.description) == ("text", True, 0, "In years")
