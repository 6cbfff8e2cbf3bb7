"""Errors in one shape."""

from typing import Any

from django.db import OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as rest_exception_handler


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer errors as ``{"code", "message", "fields"}``; 503 while the database is away."""
    if isinstance(error, OperationalError):
        return Response(
            {"code": "unavailable", "message": "The database is away; try again.", "fields": {}},
            status=503,
            headers={"Retry-After": "5"},
        )
    if isinstance(error, Http404):
        error = exceptions.NotFound(*error.args)  # So that it has a code too.
    response = rest_exception_handler(error, context)
    if response is None:
        return None
    for name, value in getattr(error, "headers", {}).items():
        response[name] = value
    detail = response.data
    if isinstance(error, exceptions.ValidationError):
        fields = detail if isinstance(detail, dict) else {"non_field_errors": detail}
        message = "; ".join(_flat(fields))
        response.data = {"code": "invalid", "message": message, "fields": fields}
    else:
        message = str(detail.get("detail", "")) if isinstance(detail, dict) else str(detail)
        code = getattr(error, "default_code", "error")
        response.data = {"code": code, "message": message, "fields": {}}
    return response


def _flat(detail: Any, path: str = "") -> list[str]:
    if isinstance(detail, dict):
        return [
            line for k, v in detail.items() for line in _flat(v, f"{path}.{k}" if path else str(k))
        ]
    if isinstance(detail, list) and any(isinstance(v, dict | list) for v in detail):
        return [line for i, v in enumerate(detail) for line in _flat(v, f"{path}[{i}]")]
    if isinstance(detail, list):
        return [f"{path}: {value}" for value in detail]
    return [f"{path}: {detail}"]
