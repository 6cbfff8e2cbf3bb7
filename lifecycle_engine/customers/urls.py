"""URLs of the customers' API."""

from django.urls import path

from lifecycle_engine.customers import api

app_name = "customers"
urlpatterns = [
    path("", api.CustomerListView.as_view(), name="list"),
    path("<str:external_id>/", api.CustomerDetailView.as_view(), name="detail"),
]
