"""Makes Django ready; imported before whatever of the engine has models, which want it ready."""

import os

import django
from django.apps import apps

if not apps.ready:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lifecycle_engine.config.settings")
    django.setup()
