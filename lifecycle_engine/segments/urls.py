"""The segments' part of the API."""

from django.urls import path

from lifecycle_engine.segments import api, preview_api, write_api

app_name = "segments"

urlpatterns = [
    path("segments/", write_api.SegmentsView.as_view(), name="list"),
    path("segment-previews/", preview_api.SegmentPreview.as_view(), name="preview"),
    path("segments/<slug:key>/", write_api.SegmentView.as_view(), name="detail"),
    path("segments/<slug:key>/members/", api.SegmentMembers.as_view(), name="members"),
    path("segments/<slug:key>/members/add/", write_api.ListAdd.as_view(), name="add"),
    path("segments/<slug:key>/members/remove/", write_api.ListRemove.as_view(), name="remove"),
    path("segments/<slug:key>/explain/", api.SegmentExplain.as_view(), name="explain"),
]
