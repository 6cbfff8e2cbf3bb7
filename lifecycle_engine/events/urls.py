"""URLs of the events' and products' API."""

from django.urls import path

from lifecycle_engine.events import api

app_name = "events"
urlpatterns = [
    path("events/", api.EventsView.as_view(), name="events"),
    path("products/", api.ProductsView.as_view(), name="products"),
]
