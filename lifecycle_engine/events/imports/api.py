"""Imports for partner systems: upload a file, ask how far it is, fetch the rejected rows."""

from collections.abc import Mapping
from typing import IO, Any, cast

import msgspec
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import exceptions, generics, serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from lifecycle_engine.core.api.parsers import BodyTooLarge
from lifecycle_engine.core.api.serializers import ERRORS
from lifecycle_engine.core.models import ApiKey, Scope
from lifecycle_engine.events.imports.limits import UPLOAD_LIMIT, ImportFileError
from lifecycle_engine.events.imports.services import import_upload
from lifecycle_engine.events.models import (
    PLAIN_KINDS,
    Import,
    ImportKind,
    ImportRejection,
    ImportState,
)

_SCOPES = {
    ImportKind.CUSTOMERS: Scope.CUSTOMERS_WRITE,
    ImportKind.EVENTS: Scope.EVENTS_WRITE,
    ImportKind.PRODUCTS: Scope.PRODUCTS_WRITE,
    ImportKind.CONSENTS: Scope.CONSENTS_WRITE,
}
#: What a body has besides its file.
_BESIDE = 64 * 1024
_MAPPING_LIMIT = 64 * 1024
_KIND = OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=[*PLAIN_KINDS])
_ID = OpenApiParameter("import_id", int, OpenApiParameter.PATH)


class UploadParser(MultiPartParser):
    """A form with a file; how long it may be is known before it is read."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The fields and the file, which is on disk where it is large.

        Raises:
            BodyTooLarge: there is more than may be.
            ParseError: it is no form.
        """
        request = (parser_context or {})["request"]
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > UPLOAD_LIMIT + _BESIDE:
            raise BodyTooLarge(f"The file has more than {UPLOAD_LIMIT} bytes.")
        try:
            return super().parse(stream, media_type, parser_context)
        except (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent) as error:
            raise exceptions.ParseError(str(error)) from None


@extend_schema_field(OpenApiTypes.STR)
class _MappingField(serializers.Field[Any, Any, Any, Any]):
    """A JSON object of texts, as the field of a form."""

    def to_internal_value(self, data: Any) -> dict[str, str]:
        """The object.

        Raises:
            ValidationError: it is none.
        """
        text = str(data)
        if len(text) > _MAPPING_LIMIT:
            raise serializers.ValidationError(f"has more than {_MAPPING_LIMIT} characters")
        try:
            return msgspec.json.decode(text.encode(), type=dict[str, str])
        except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as error:
            raise serializers.ValidationError(f"wants a JSON object of texts: {error}") from None


class UploadSerializer(serializers.Serializer[Any]):
    """A file and how to read it."""

    file = serializers.FileField(help_text="CSV, JSON Lines or Parquet.")
    mapping = _MappingField(
        required=False, help_text='The field of each column: {"E-mail": "email"}.'
    )
    dry_run = serializers.BooleanField(required=False, default=False)
    complete = serializers.BooleanField(
        required=False, default=False, help_text="Products only: these are all that there are."
    )


class ImportSerializer(serializers.ModelSerializer[Import]):
    """How far an import is, and what became of its rows."""

    state = serializers.ChoiceField(choices=ImportState.choices)

    class Meta:
        model = Import
        fields = [
            *("id", "kind", "name", "state", "dry_run", "rows", "rows_total", "created"),
            *("updated", "unchanged", "rejected", "error", "created_at", "started_at"),
            "finished_at",
        ]


class ImportRejectionSerializer(serializers.ModelSerializer[ImportRejection]):
    """Why a row was refused."""

    class Meta:
        model = ImportRejection
        fields = ["row", "field", "message", "values"]


class _OfKind:
    """What a key may do with imports of the kind that the address names."""

    kwargs: dict[str, Any]

    @property
    def scopes(self) -> dict[str, Scope]:
        """The scope that writing the rows themselves wants."""
        kind = self.kwargs.get("kind")
        if kind not in PLAIN_KINDS:
            raise Http404
        scope = _SCOPES[ImportKind(kind)]
        return {"GET": scope} | ({"POST": scope} if "import_id" not in self.kwargs else {})

    def own(self, request: Request) -> QuerySet[Import]:
        """The partner's own imports of the kind: what others import is nobody else's business."""
        return Import.objects.filter(kind=self.kwargs["kind"], source=_source(request))


class ImportsView(_OfKind, APIView):
    """Files of one kind."""

    parser_classes = [UploadParser]

    @extend_schema(
        parameters=[_KIND],
        request={"multipart/form-data": UploadSerializer},
        responses={202: ImportSerializer, **ERRORS, 404: ERRORS[400], 413: ERRORS[400]},
    )
    def post(self, request: Request, kind: str) -> Response:
        """Upload a file. It is imported in the background; the answer says which import it is."""
        upload = UploadSerializer(data=request.data)
        upload.is_valid(raise_exception=True)
        said = upload.validated_data
        try:
            run = import_upload(
                kind=kind,
                source=_source(request),
                file=said["file"],
                mapping=said.get("mapping", {}),
                dry_run=said["dry_run"],
                by=_source(request),
                complete=said["complete"],
            )
        except ImportFileError as error:
            raise exceptions.ValidationError({"file": [str(error)]}) from None
        return Response(ImportSerializer(run).data, status=202)


class ImportView(_OfKind, APIView):
    """One import."""

    @extend_schema(
        parameters=[_KIND, _ID],
        responses={200: ImportSerializer, **ERRORS, 404: ERRORS[400]},
    )
    def get(self, request: Request, *_: Any, import_id: int, **__: Any) -> Response:
        """How far it is, and what became of its rows."""
        return Response(ImportSerializer(_found(self.own(request), import_id)).data)


class ImportRejectionsView(_OfKind, generics.ListAPIView[ImportRejection]):
    """The rejected rows of one import."""

    serializer_class = ImportRejectionSerializer

    def get_queryset(self) -> QuerySet[ImportRejection]:
        """Those of the partner's own import."""
        if getattr(self, "swagger_fake_view", False):
            return ImportRejection.objects.none()
        run = _found(self.own(self.request), self.kwargs["import_id"])
        return ImportRejection.objects.filter(imported=run)

    @extend_schema(
        parameters=[_KIND, _ID],
        responses={200: ImportRejectionSerializer(many=True), **ERRORS, 404: ERRORS[400]},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The rejected rows, each with its reason, in pages."""
        return super().get(request, *args, **kwargs)


def _source(request: Request) -> str:
    """Where the rows come from: message ids are unique for each partner."""
    return f"api:{cast('ApiKey', request.auth).name}"


def _found(imports: QuerySet[Import], import_id: int) -> Import:
    # An identifier has 63 bits.
    run = imports.filter(pk=import_id).first() if import_id < 1 << 63 else None
    if run is None:
        raise Http404
    return run
