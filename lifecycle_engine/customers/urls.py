"""URLs of the customers' API."""

from django.urls import path

from lifecycle_engine.customers import api, privacy_api

app_name = "customers"
urlpatterns = [
    path("", api.CustomerListView.as_view(), name="list"),
    path("<str:external_id>/export/", privacy_api.CustomerExportView.as_view(), name="export"),
    path("<str:external_id>/erase/", privacy_api.CustomerEraseView.as_view(), name="erase"),
    path("<str:external_id>/", api.CustomerDetailView.as_view(), name="detail"),
]
