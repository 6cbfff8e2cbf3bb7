"""Every model is in the admin, no list counts its rows, and records can't be written by hand."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from lifecycle_engine.core.modeladmin import EngineAdmin, RecordAdmin

OUR_MODELS = [
    model
    for model in apps.get_models()
    if model.__module__.startswith(("lifecycle_engine.", "campaigns.", "plugins."))
]
RECORDS = {
    "campaigns": {"campaignversion", "decision", "enrolment", "occurrence"},
    "core": {"jobrun"},
    "customers": {
        "consent",
        "customer",
        "identifier",
        "merge",
        "mergesuggestion",
        "erasure",
        "access",
    },
    "events": {
        "event",
        "eventreceipt",
        "importrejection",
        "product",
        "quarantinedevent",
        "reader",
        "rejectedevent",
    },
    "messaging": {"message", "optin", "suppression"},
    "rewards": {"coupon", "redemption"},
    "scoring": {
        "backtest",
        "featureframe",
        "lookalike",
        "lookalikecustomer",
        "modelcheck",
        "modelversion",
        "modelchange",
        "reasonssummary",
        "recommendation",
        "score",
        "scorereasons",
        "scorehistory",
        "scoreruse",
        "scoringrun",
        "target",
    },
    "segments": {
        "customerstage",
        "listedprofile",
        "membership",
        "membershipchange",
        "segmentdraft",
        "segmentdraftstep",
        "segmentversion",
        "segmentsize",
        "stagedprofile",
        "stagethresholds",
        "stagetransition",
        "touchedcustomer",
    },
}


@pytest.mark.parametrize("model", OUR_MODELS, ids=lambda model: model._meta.label)
def test_every_model_has_an_admin_page_that_never_counts(model, admin_client):
    assert isinstance(admin.site._registry.get(model), EngineAdmin), "not registered"
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")

    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = admin_client.get(url)

    assert response.status_code == 200
    counted = [q["sql"] for q in queries if "COUNT(" in q["sql"].upper()]
    # How far a reader is behind is counted up to a limit.
    assert [statement for statement in counted if "LIMIT 100000\n" not in statement] == []


@pytest.mark.parametrize("model", OUR_MODELS, ids=lambda model: model._meta.label)
def test_records_of_the_engine_are_read_only(model, admin_client, rf, admin_user):
    page = admin.site._registry[model]
    record = model._meta.model_name in RECORDS.get(model._meta.app_label, set())
    request = rf.get("/")
    request.user = admin_user

    assert isinstance(page, RecordAdmin) is record
    if record:
        assert page.has_view_permission(request)
        assert not page.has_add_permission(request)
        assert not page.has_change_permission(request)
        assert not page.has_delete_permission(request)
