"""The WSGI application that Granian serves."""

import os
import sys

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lifecycle_engine.config.settings")

# A thread that comes back from the database waits so long at the most for one that computes. With
# Python's own 5 ms a write of five round trips spends more time waiting for its turn than writing.
sys.setswitchinterval(0.0005)

application = get_wsgi_application()
