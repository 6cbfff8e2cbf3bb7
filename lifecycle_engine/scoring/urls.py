"""What scoring has of the API."""

from django.urls import path

from lifecycle_engine.scoring import api, model_api, monitoring_api, score_api, target_api

app_name = "scoring"

urlpatterns = [
    path("monitoring/", monitoring_api.Monitoring.as_view(), name="monitoring"),
    path(
        "scorers/<str:key>/monitoring/",
        monitoring_api.ScorerMonitoring.as_view(),
        name="scorer-monitoring",
    ),
    path("scorers/<str:key>/score/", score_api.ScorerScore.as_view(), name="score"),
    path("scorers/<str:key>/models/", model_api.ScorerModels.as_view(), name="models"),
    path(
        "scorers/<str:key>/models/<int:number>/",
        model_api.ScorerModelCard.as_view(),
        name="model",
    ),
    path("targets/", target_api.Targets.as_view(), name="targets"),
    path("targets/<str:key>/", target_api.TargetDetail.as_view(), name="target"),
    path("targets/<str:key>/archive/", target_api.TargetArchive.as_view(), name="target_archive"),
    path("segments/<slug:key>/lookalikes/", api.SegmentLookalikes.as_view(), name="lookalikes"),
    path("lookalikes/<int:pk>/", api.LookalikeDetail.as_view(), name="lookalike"),
    path("lookalikes/<int:pk>/ranking/", api.LookalikeRanking.as_view(), name="ranking"),
    path("lookalikes/<int:pk>/segment/", api.LookalikeSegment.as_view(), name="audience"),
]
