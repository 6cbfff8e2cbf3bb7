"""Shapes that many answers share."""

from typing import Any

from rest_framework import serializers


class ErrorSerializer(serializers.Serializer[Any]):
    """Why a request was refused."""

    code = serializers.CharField()
    message = serializers.CharField()
    fields = serializers.DictField()  # type: ignore[assignment]


#: Answers that every view may give, for its description.
ERRORS = {400: ErrorSerializer, 401: ErrorSerializer, 403: ErrorSerializer}
