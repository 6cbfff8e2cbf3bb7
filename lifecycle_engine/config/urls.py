"""All URLs: the admin, the API, health."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),  # The language switch.
    path("api/v1/", include("lifecycle_engine.segments.urls")),
]
