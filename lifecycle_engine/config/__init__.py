"""Composition root: settings, URLs, Celery, schedules, embedded services, the demo."""
