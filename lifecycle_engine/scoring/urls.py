"""The lookalikes' part of the API."""

from django.urls import path

from lifecycle_engine.scoring import api, model_api, score_api

app_name = "scoring"

urlpatterns = [
    path("scorers/<str:key>/score/", score_api.ScorerScore.as_view(), name="score"),
    path("scorers/<str:key>/models/", model_api.ScorerModels.as_view(), name="models"),
    path(
        "scorers/<str:key>/models/<int:number>/",
        model_api.ScorerModelCard.as_view(),
        name="model",
    ),
    path("segments/<slug:key>/lookalikes/", api.SegmentLookalikes.as_view(), name="lookalikes"),
    path("lookalikes/<int:pk>/", api.LookalikeDetail.as_view(), name="lookalike"),
    path("lookalikes/<int:pk>/ranking/", api.LookalikeRanking.as_view(), name="ranking"),
    path("lookalikes/<int:pk>/segment/", api.LookalikeSegment.as_view(), name="audience"),
]
