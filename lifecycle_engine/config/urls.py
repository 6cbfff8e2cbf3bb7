"""All URLs: the admin, the API, health."""

from django.contrib import admin
from django.urls import include, path

from lifecycle_engine.config.health import healthz, readyz
from lifecycle_engine.config.schema import SchemaView
from lifecycle_engine.console.delivered import delivered, delivered_email
from lifecycle_engine.console.monitoring_page import monitoring, monitoring_use
from lifecycle_engine.console.partition_page import log_months
from lifecycle_engine.console.stage_pages import lifecycle, stage_thresholds
from lifecycle_engine.customers.consent_api import ConsentsView
from lifecycle_engine.customers.privacy_api import ErasureView
from lifecycle_engine.events.tracking import project_settings
from lifecycle_engine.messaging.opt_in_api import OptInsView
from lifecycle_engine.messaging.views import OptInView, PreferencesView

urlpatterns = [
    path("healthz", healthz),
    path("readyz", readyz),
    path("api/v1/schema/", SchemaView.as_view(), name="schema"),
    path("api/v1/erasures/<int:erasure_id>/", ErasureView.as_view(), name="erasure"),
    path("api/v1/customers/", include("lifecycle_engine.customers.urls")),
    path("api/v1/consents/", ConsentsView.as_view(), name="consents"),
    path("api/v1/", include("lifecycle_engine.events.urls")),
    path("v1/projects/<str:write_key>/settings", project_settings),
    path("admin/delivered/", delivered, name="delivered"),
    path("admin/delivered/email/<str:key>/", delivered_email, name="delivered-email"),
    path("admin/log-months/", log_months, name="log-months"),
    path("admin/monitoring/", monitoring, name="monitoring"),
    path("admin/monitoring/<str:key>/use/", monitoring_use, name="monitoring-use"),
    path("admin/lifecycle/", lifecycle, name="lifecycle"),
    path("admin/lifecycle/thresholds/", stage_thresholds, name="stage-thresholds"),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),  # The language switch.
    path("api/v1/", include("lifecycle_engine.segments.urls")),
    path("api/v1/", include("lifecycle_engine.scoring.urls")),
    path("api/v1/", include("lifecycle_engine.rewards.urls")),
    path("unsubscribe/", include("lifecycle_engine.messaging.urls")),
    path("preferences/<str:signed>/", PreferencesView.as_view(), name="preferences"),
    path("opt-in/<str:signed>/", OptInView.as_view(), name="opt-in"),
    path("api/v1/opt-ins/", OptInsView.as_view(), name="opt-ins"),
]
