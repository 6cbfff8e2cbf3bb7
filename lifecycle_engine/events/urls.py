"""URLs of the events' and products' API."""

from django.urls import path

from lifecycle_engine.events import api
from lifecycle_engine.events.catalogue_api import ProductsView
from lifecycle_engine.events.imports import api as imports

app_name = "events"
urlpatterns = [
    path("events/", api.EventsView.as_view(), name="events"),
    path("products/", ProductsView.as_view(), name="products"),
    path("imports/<str:kind>/", imports.ImportsView.as_view(), name="imports"),
    path("imports/<str:kind>/<int:import_id>/", imports.ImportView.as_view(), name="import"),
    path(
        "imports/<str:kind>/<int:import_id>/rejected/",
        imports.ImportRejectionsView.as_view(),
        name="import-rejected",
    ),
]
