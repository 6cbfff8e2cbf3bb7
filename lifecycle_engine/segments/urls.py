"""The segments' part of the API."""

from django.urls import path

from lifecycle_engine.segments import api, preview_api

app_name = "segments"

urlpatterns = [
    path("segments/", api.SegmentList.as_view(), name="list"),
    path("segments/preview/", preview_api.SegmentPreview.as_view(), name="preview"),
    path("segments/<slug:key>/", api.SegmentDetail.as_view(), name="detail"),
    path("segments/<slug:key>/members/", api.SegmentMembers.as_view(), name="members"),
    path("segments/<slug:key>/explain/", api.SegmentExplain.as_view(), name="explain"),
]
