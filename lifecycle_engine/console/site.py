"""What every page in the admin's frame is drawn with."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


def site_context(request: HttpRequest) -> dict[str, Any]:
    """The admin's own context, for pages that are no model's."""
    request.current_app = admin.site.name
    return admin.site.each_context(request)
