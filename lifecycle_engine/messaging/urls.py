"""URLs that customers get: the unsubscribe link."""

from django.urls import path

from lifecycle_engine.messaging.views import UnsubscribeView

app_name = "messaging"
urlpatterns = [path("<str:signed>/", UnsubscribeView.as_view(), name="unsubscribe")]
