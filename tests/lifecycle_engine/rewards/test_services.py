import contextlib
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, connections
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from lifecycle_engine.customers.identity import customers_merge
from lifecycle_engine.events.models import Event
from lifecycle_engine.rewards.models import Coupon, Offer, Redemption
from lifecycle_engine.rewards.selectors import coupon_validate
from lifecycle_engine.rewards.services import (
    CodesExhaustedError,
    CouponRefusedError,
    IdempotencyError,
    OfferUnknownError,
    coupon_redeem,
    coupons_expire,
    coupons_issue,
)
from tests.factories.rewards import CouponCustomerFactory, OfferFactory

AT = datetime(2017, 12, 1, tzinfo=UTC)


def issue(offer, customers, **changes):
    given_arguments = {"occasion": "winback:1", "at": AT} | changes
    return coupons_issue(
        offer_id=offer.pk, customer_ids=[customer.pk for customer in customers], **given_arguments
    )


def redeem(code, **changes):
    given_arguments = {
        "order_id": "order-1",
        "order_value": Decimal("50.00"),
        "currency": "USD",
        "source": "shop",
        "idempotency_key": "key-1",
        "at": AT + timedelta(days=1),
    } | changes
    return coupon_redeem(code=code, **given_arguments)


@pytest.mark.django_db
def test_a_coupon_is_good_for_each_number_of_a_merged_customer():
    offer, (ada, eve, other) = OfferFactory(), CouponCustomerFactory.create_batch(3)
    codes = [coupon.code for coupon in issue(offer, [ada, eve]).coupons.values()]
    customers_merge(customer_id=eve.pk, into_id=ada.pk, actor="anna")
    asked = {"order_value": None, "currency": None, "at": AT}

    for code in codes:
        assert coupon_validate(code=code, customer=other.external_id, **asked) is None
        for number in (ada.external_id, eve.external_id):
            assert coupon_validate(code=code, customer=number, **asked) is not None
    with pytest.raises(CouponRefusedError):
        redeem(codes[0], customer=other.external_id)
    redeem(codes[0], customer=eve.external_id)
    redeem(codes[1], customer=ada.external_id, idempotency_key="key-2")

    assert Redemption.objects.count() == 2


def figures(offer):
    offer.refresh_from_db()
    return offer.issued, offer.reserved, offer.redeemed, offer.spent


@pytest.mark.django_db
class TestIssue:
    def test_each_customer_gets_a_coupon_and_its_cost_is_reserved(self):
        offer, customers = OfferFactory(), CouponCustomerFactory.create_batch(3)

        result = issue(offer, customers)

        assert list(result.coupons) == [customer.pk for customer in customers]
        assert result.refused == []
        assert len({coupon.code for coupon in result.coupons.values()}) == 3
        assert {coupon.expires_at for coupon in result.coupons.values()} == {
            AT + timedelta(days=30)
        }
        assert figures(offer) == (3, Decimal("30.00"), 0, Decimal("0.00"))

    def test_the_log_has_an_event_for_each_coupon(self):
        offer, customers = OfferFactory(), CouponCustomerFactory.create_batch(2)

        result = issue(offer, customers)

        events = Event.objects.filter(name="Coupon Issued").order_by("customer_id")
        assert [(e.message_id, e.occurred_at, e.value) for e in events] == [
            (f"coupon-issued:{coupon.pk}", AT, Decimal("10.00"))
            for coupon in result.coupons.values()
        ]

    def test_a_second_call_gives_the_same_coupons_and_reserves_nothing(self):
        offer, customers = OfferFactory(), CouponCustomerFactory.create_batch(3)
        first = issue(offer, customers)

        second = issue(offer, customers)

        assert second == first
        assert figures(offer) == (3, Decimal("30.00"), 0, Decimal("0.00"))
        assert Event.objects.filter(name="Coupon Issued").count() == 3

    def test_a_customer_named_twice_gets_one_coupon(self):
        offer, customer = OfferFactory(), CouponCustomerFactory()

        issue(offer, [customer, customer])

        assert figures(offer) == (1, Decimal("10.00"), 0, Decimal("0.00"))

    def test_another_occasion_is_another_coupon(self):
        offer, customer = OfferFactory(), CouponCustomerFactory()
        issue(offer, [customer])

        issue(offer, [customer], occasion="winback:2")

        assert Coupon.objects.count() == 2

    def test_the_budget_serves_those_who_come_first(self):
        offer, customers = OfferFactory(budget=25), CouponCustomerFactory.create_batch(4)
        order = [customers[2], customers[0], customers[3], customers[1]]

        result = issue(offer, order)

        assert list(result.coupons) == [customers[2].pk, customers[0].pk]
        assert result.refused == [customers[3].pk, customers[1].pk]
        assert figures(offer) == (2, Decimal("20.00"), 0, Decimal("0.00"))

    def test_the_number_of_coupons_is_limited_too(self):
        offer, customers = OfferFactory(max_coupons=1), CouponCustomerFactory.create_batch(2)

        result = issue(offer, customers)

        assert result.refused == [customers[1].pk]

    def test_what_has_been_issued_counts_before_the_budget(self):
        offer, customers = OfferFactory(budget=20), CouponCustomerFactory.create_batch(3)
        issue(offer, customers[:1])

        result = issue(offer, customers)

        assert list(result.coupons) == [customers[0].pk, customers[1].pk]
        assert result.refused == [customers[2].pk]

    def test_an_inactive_offer_refuses_everybody(self):
        offer, customers = OfferFactory(active=False), CouponCustomerFactory.create_batch(2)

        result = issue(offer, customers)

        assert (result.coupons, len(result.refused)) == ({}, 2)
        assert figures(offer) == (0, Decimal("0.00"), 0, Decimal("0.00"))

    def test_nobody_is_served_for_nobody(self):
        offer = OfferFactory()

        assert issue(offer, []).coupons == {}

    def test_an_unknown_offer_is_named(self):
        with pytest.raises(OfferUnknownError, match="no offer 0"):
            coupons_issue(offer_id=0, customer_ids=[1], occasion="x", at=AT)

    def test_a_taken_code_is_tried_again(self):
        offer, customers = OfferFactory(), CouponCustomerFactory.create_batch(2)
        codes = iter(["AAAAAAAAAAAA", "AAAAAAAAAAAA", "BBBBBBBBBBBB"])

        result = issue(offer, customers, code=lambda: next(codes))

        assert sorted(coupon.code for coupon in result.coupons.values()) == [
            "AAAAAAAAAAAA",
            "BBBBBBBBBBBB",
        ]
        assert figures(offer) == (2, Decimal("20.00"), 0, Decimal("0.00"))

    def test_without_free_codes_nothing_is_issued(self):
        offer, customers = OfferFactory(), CouponCustomerFactory.create_batch(2)

        with pytest.raises(CodesExhaustedError):
            issue(offer, customers, code=lambda: "AAAAAAAAAAAA")

        assert not Coupon.objects.exists()
        assert figures(offer) == (0, Decimal("0.00"), 0, Decimal("0.00"))


@pytest.mark.django_db
class TestRedeem:
    def one_coupon(self, **changes):
        offer, customer = OfferFactory(**changes), CouponCustomerFactory()
        return offer, customer, issue(offer, [customer]).coupons[customer.pk]

    def test_the_real_discount_is_booked_and_the_reservation_released(self):
        offer, customer, coupon = self.one_coupon()

        result = redeem(coupon.code)

        assert (result.discount, result.currency, result.replayed) == (
            Decimal("5.00"),
            "USD",
            False,
        )
        assert figures(offer) == (1, Decimal("0.00"), 1, Decimal("5.00"))
        event = Event.objects.get(name="Coupon Redeemed")
        assert (event.customer_id, event.value, event.properties["coupon_id"]) == (
            customer.pk,
            Decimal("5.00"),
            coupon.pk,
        )

    def test_a_percentage_stops_at_the_largest_discount(self):
        _offer, _customer, coupon = self.one_coupon()

        assert redeem(coupon.code, order_value=Decimal("500.00")).discount == Decimal("10.00")

    def test_an_amount_stops_at_the_order(self):
        _offer, _customer, coupon = self.one_coupon(kind="amount", value=9, minimum_order=0)

        assert redeem(coupon.code, order_value=Decimal("4.50")).discount == Decimal("4.50")

    def test_a_later_change_of_the_offer_never_costs_more_than_was_reserved(self):
        offer, _customer, coupon = self.one_coupon()
        Offer.objects.filter(pk=offer.pk).update(max_discount=90, value=50)

        assert redeem(coupon.code, order_value=Decimal("500.00")).discount == Decimal("10.00")

    def test_the_same_key_gives_the_same_answer_and_changes_nothing(self):
        offer, _customer, coupon = self.one_coupon()
        first = redeem(coupon.code)

        second = redeem(coupon.code.lower())

        assert (second.coupon_id, second.discount, second.replayed) == (
            first.coupon_id,
            first.discount,
            True,
        )
        assert figures(offer) == (1, Decimal("0.00"), 1, Decimal("5.00"))
        assert Event.objects.filter(name="Coupon Redeemed").count() == 1

    def test_a_key_that_comes_with_another_order_is_refused(self):
        _offer, _customer, coupon = self.one_coupon()
        redeem(coupon.code)

        with pytest.raises(IdempotencyError, match="key-1"):
            redeem(coupon.code, order_id="order-2")

        assert Redemption.objects.count() == 1

    @pytest.mark.parametrize(
        "change",
        [
            {"code": "000000000000"},
            {"code": "not a code"},
            {"code": ""},
            {"at": AT + timedelta(days=30)},
            {"customer": "somebody-else"},
            {"currency": "EUR"},
            {"order_value": Decimal("19.99")},
        ],
        ids=str,
    )
    def test_every_refusal_is_the_same_and_changes_nothing(self, change):
        offer, _customer, coupon = self.one_coupon()

        with pytest.raises(CouponRefusedError) as refusal:
            redeem(change.pop("code", coupon.code), **change)

        assert str(refusal.value) == "This coupon can't be redeemed for this order."
        assert figures(offer) == (1, Decimal("10.00"), 0, Decimal("0.00"))
        assert not Redemption.objects.exists()

    def test_a_used_coupon_is_refused_like_the_others(self):
        offer, _customer, coupon = self.one_coupon()
        redeem(coupon.code)

        with pytest.raises(CouponRefusedError) as refusal:
            redeem(coupon.code, idempotency_key="key-2")

        assert str(refusal.value) == "This coupon can't be redeemed for this order."
        assert figures(offer) == (1, Decimal("0.00"), 1, Decimal("5.00"))

    def test_the_owner_may_be_named(self):
        _offer, customer, coupon = self.one_coupon()

        assert redeem(coupon.code, customer=customer.external_id).discount == Decimal("5.00")


@pytest.mark.django_db
def test_coupons_that_run_out_free_the_budget():
    offer, customers = OfferFactory(), CouponCustomerFactory.create_batch(3)
    coupons = issue(offer, customers).coupons
    redeem(coupons[customers[0].pk].code)

    assert coupons_expire(at=AT + timedelta(days=29), limit=10) == 0
    assert coupons_expire(at=AT + timedelta(days=30), limit=1) == 1
    assert coupons_expire(at=AT + timedelta(days=30), limit=10) == 1

    assert figures(offer) == (3, Decimal("0.00"), 1, Decimal("5.00"))
    with pytest.raises(CouponRefusedError):
        redeem(coupons[customers[1].pk].code, idempotency_key="key-2")


def in_threads(*works):
    """Run each work on a connection of its own, all at once; returns what they return or raise."""
    outcomes = [None] * len(works)
    barrier = threading.Barrier(len(works))

    def run(index, work):
        barrier.wait()
        try:
            outcomes[index] = work()
        except (CouponRefusedError, IdempotencyError) as error:
            outcomes[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_of_two_redemptions_one_wins(self):
        offer, customer = OfferFactory(), CouponCustomerFactory()
        coupon = issue(offer, [customer]).coupons[customer.pk]

        outcomes = in_threads(
            lambda: redeem(coupon.code, idempotency_key="a", order_id="order-a"),
            lambda: redeem(coupon.code, idempotency_key="b", order_id="order-b"),
        )

        assert sorted(type(outcome).__name__ for outcome in outcomes) == [
            "CouponRefusedError",
            "RedemptionResult",
        ]
        assert figures(offer) == (1, Decimal("0.00"), 1, Decimal("5.00"))

    def test_a_request_sent_twice_at_once_gets_one_answer(self):
        offer, customer = OfferFactory(), CouponCustomerFactory()
        coupon = issue(offer, [customer]).coupons[customer.pk]

        outcomes = in_threads(*[lambda: redeem(coupon.code)] * 3)

        assert sorted(outcome.replayed for outcome in outcomes) == [False, True, True]
        assert figures(offer) == (1, Decimal("0.00"), 1, Decimal("5.00"))

    def test_two_issues_for_the_same_customers_reserve_once(self):
        offer, customers = OfferFactory(budget=50), CouponCustomerFactory.create_batch(8)

        first, second = in_threads(*[lambda: issue(offer, customers)] * 2)

        assert first == second
        assert len(first.coupons) == 5
        assert figures(offer) == (5, Decimal("50.00"), 0, Decimal("0.00"))

    def test_a_redemption_waits_for_one_that_is_not_committed_yet(self):
        offer, customer = OfferFactory(), CouponCustomerFactory()
        coupon = issue(offer, [customer]).coupons[customer.pk]
        with connections["default"].cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(
                "UPDATE rewards_coupon SET state = 'redeemed' WHERE id = %s", [coupon.pk]
            )
            outcomes = []
            other = threading.Thread(
                target=lambda: outcomes.extend(in_threads(lambda: redeem(coupon.code)))
            )
            other.start()
            other.join(0.3)
            assert outcomes == []
            cursor.execute("COMMIT")
        other.join()

        assert isinstance(outcomes[0], CouponRefusedError)


class BudgetHoldsTest(TestCase):
    """Whatever is done in whatever order, what is reserved and spent stays within the budget."""

    @settings(max_examples=25)
    @given(
        budget=st.decimals(0, 60, places=2),
        largest=st.decimals(0, 15, places=2),
        steps=st.lists(
            st.tuples(
                st.sampled_from(["issue", "redeem", "expire"]),
                st.integers(0, 5),
                st.decimals(0, 200, places=2),
            ),
            max_size=12,
        ),
    )
    def test_reserved_and_spent_never_pass_the_budget(self, budget, largest, steps):
        offer = OfferFactory(budget=budget, max_discount=largest, minimum_order=0, value=25)
        customers = CouponCustomerFactory.create_batch(6)
        for number, (step, chosen, value) in enumerate(steps):
            if step == "issue":
                issue(offer, customers[chosen:], occasion=f"o{number % 3}")
            elif step == "expire":
                coupons_expire(at=AT + timedelta(days=chosen * 10), limit=2)
            else:
                coupon = Coupon.objects.order_by("pk").all()[chosen : chosen + 1]
                for each in coupon:
                    with contextlib.suppress(CouponRefusedError):
                        redeem(each.code, idempotency_key=str(number), order_value=value)
            offer.refresh_from_db()
            assert offer.reserved + offer.spent <= budget
        outstanding = sum(c.reserved for c in Coupon.objects.filter(state="issued"))
        assert offer.reserved == outstanding
        assert offer.spent == sum(r.discount for r in Redemption.objects.all())


def test_issuing_takes_a_fixed_number_of_statements(db, django_assert_max_num_queries):
    offer, customers = OfferFactory(), CouponCustomerFactory.create_batch(10)
    connection.ensure_connection()

    with django_assert_max_num_queries(25):
        issue(offer, customers)
