"""Files for lists: their customers are set aside as they are read, and listed all at once.

Reading goes on where it was broken off, as with every import. The list changes in the one
transaction that also ends the import, so it is the old list or the new one, however often the
process is killed. A dry run does the same and rolls that transaction's part back.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.files.base import ContentFile, File
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.sql import sql_execute, sql_rows
from lifecycle_engine.customers.contacts import email_hash, phone_hash
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.imports.chunks import refusal
from lifecycle_engine.events.imports.escaping import cell_escape
from lifecycle_engine.events.imports.kinds import Goal, ListImports, list_imports_register
from lifecycle_engine.events.imports.limits import ImportFileError
from lifecycle_engine.events.imports.row_writers import Prepared, RowWriter
from lifecycle_engine.events.imports.services import ForList, import_upload
from lifecycle_engine.events.imports.writers import StagingWriter, Written
from lifecycle_engine.events.models import Import, ImportKind, ListMode
from lifecycle_engine.segments.listed import lists_lock, whole_profile_ids
from lifecycle_engine.segments.lists import LIST_AT_MOST, ListError, list_changed, list_check
from lifecycle_engine.segments.models import Segment, StagedProfile

#: Where files of staff come from, as imports have it.
SOURCE = "staff"

#: What customers can be named by, each with the column that it is looked up in.
NAMED_BY = {"external_id": "external_id", "email": "email_hash", "phone": "phone_hash"}

_MISSING = gettext_noop("names nobody: it is empty")
_UNKNOWN = gettext_noop("no customer has it")
_SEVERAL = gettext_noop("more than one customer has it")


@dataclass(frozen=True, slots=True)
class _Name:
    """What a row names a customer by; for e-mail and telephone the value is a keyed hash."""

    field: str
    value: str


def list_upload(*, segment: Segment, file: "File[bytes]", mode: ListMode, by: str) -> Import:
    """Keep a file for a segment's list; its columns are to be chosen next.

    Raises:
        ListError: the segment has no list that could be changed.
        ImportFileError: the file can't be imported as it is.
    """
    list_check(segment)
    return _uploaded(segment, file, mode, by, None)


def list_paste(*, segment: Segment, text: str, field: str, mode: ListMode, by: str) -> Import:
    """Try customers who were typed or pasted, for a segment's list, without keeping anything.

    Args:
        segment: one by list.
        text: what names the customers, divided by line ends, commas, semicolons or tabs.
        field: what that is, of ``NAMED_BY``.
        mode: what becomes of the list.
        by: who pastes it.

    Raises:
        ListError: the segment has no list that could be changed, or these are too many, or none.
    """
    list_check(segment)
    names = [name.strip() for name in re.split(r"[\n\r,;\t]+", text.replace("\0", ""))]
    names = [name for name in names if name]
    if not names:
        raise ListError(_("Nobody is named."))
    if len(names) > LIST_AT_MOST:
        raise ListError(
            _("These are more than %(limit)s: upload them as a file.") % {"limit": LIST_AT_MOST}
        )
    table = io.StringIO()
    csv.writer(table).writerows([[field], *([cell_escape(name)] for name in names)])
    file = ContentFile(table.getvalue().encode(errors="replace"), name=_("typed in"))
    return _uploaded(segment, file, mode, by, {field: field})


def _uploaded(
    segment: Segment,
    file: "File[bytes]",
    mode: ListMode,
    by: str,
    mapping: Mapping[str, str] | None,
) -> Import:
    return import_upload(
        kind=ImportKind.MEMBERS,
        source=SOURCE,
        file=file,
        mapping=mapping,
        dry_run=mapping is not None,
        by=by,
        for_list=ForList(segment.key, mode),
    )


class MemberWriter(RowWriter[_Name], StagingWriter):
    """Sets the customers of a file aside, and changes the list.

    Args:
        run: the import.
        mapping: the field of each column.
    """

    def __init__(self, *, run: Import, mapping: Mapping[str, str]) -> None:
        super().__init__(mapping=mapping)
        self._run = run

    def write(self, prepared: Prepared[_Name]) -> Written:
        """Set the customers aside who are known; one who was named before counts as known."""
        found = _profiles_named({name for _number, name, _values in prepared.rows})
        refused, profile_ids = list(prepared.refused), list[int]()
        for number, name, values in prepared.rows:
            roots = found.get(name, {})
            if len(roots) == 1:
                profile_ids.extend(roots.values())
                continue
            message = _SEVERAL if roots else (_UNKNOWN if name.value else _MISSING)
            refused.append(refusal(number, name.field, message, values))
        params = {"import_id": self._run.pk, "profile_ids": sorted(set(profile_ids))}
        new = sql_execute("segments", "staged_add", params)
        return Written(created=new, unchanged=len(profile_ids) - new, refused=refused)

    def finish(self, *, dry_run: bool) -> dict[str, int]:
        """Change the list by all who were set aside, in one go."""
        segment = Segment.objects.filter(key=self._run.target).first()
        if segment is None:
            raise ImportFileError(f"is for the segment {self._run.target!r}, which is not there")
        try:
            list_check(segment)
        except ListError as error:
            raise ImportFileError(f"can't be put on the list: {error}") from None
        # The list is right as of a moment of business time; the import goes by the wall clock.
        at = business_now()
        with transaction.atomic():
            figures = _apply(self._run, segment, at)
            transaction.set_rollback(dry_run)
        StagedProfile.objects.filter(imported=self._run).delete()
        return figures

    def _row(self, said: dict[str, Any]) -> _Name:
        if number := said.get("external_id"):
            return _Name("external_id", "" if "\0" in number else number)
        for field, hashed in (("email", email_hash), ("phone", phone_hash)):
            if field in said:
                return _Name(field, hashed(said[field]))
        return _Name("row", "")


def _profiles_named(names: Collection[_Name]) -> dict[_Name, dict[int, int]]:
    """Of each name the customers who have it, each with the profile that does."""
    found: dict[_Name, dict[int, int]] = defaultdict(dict)
    for field, column in NAMED_BY.items():
        values = {name.value for name in names if name.field == field and name.value}
        rows = Customer.objects.filter(**{f"{column}__in": values}, erased_at=None)
        # The customer's own profile first, then the one that was there first.
        for pk, root_id, value in rows.order_by("merged_into", "pk").values_list(
            "pk", "merged_into_id", column
        ):
            found[_Name(field, str(value))].setdefault(root_id or pk, pk)
    return found


def _apply(run: Import, segment: Segment, at: datetime) -> dict[str, int]:
    lists_lock([segment.pk])
    params = {"import_id": run.pk, "segment_id": segment.pk, "at": at}
    [(customers, merged)] = sql_rows("segments", "staged_count", params)
    if run.mode == ListMode.REPLACE and not customers:
        raise ImportFileError("names no customer who is known: the list stays as it is")
    if run.mode == ListMode.REMOVE:
        sql_execute("segments", "staged_unlist", params)
    else:
        if run.mode == ListMode.REPLACE:
            sql_execute("segments", "staged_keep", params)
        sql_execute("segments", "staged_list", params)
    change = list_changed(
        segment=segment,
        profile_ids=_concerned(run, customers),
        at=at,
        cause=f"import:{run.pk}",
    )
    return {
        "customers": customers, "merged": merged, "joined": change.joined, "left": change.left,
    }  # fmt: skip


def _concerned(run: Import, customers: int) -> list[int] | None:
    """All profiles of those who may come or go; None where looking at everybody costs less."""
    if run.mode == ListMode.REPLACE or customers > LIST_AT_MOST:
        return None
    staged = StagedProfile.objects.filter(imported=run)
    return whole_profile_ids(list(staged.values_list("customer_id", flat=True)))


def _writer(run: Import, mapping: Mapping[str, str]) -> MemberWriter:
    return MemberWriter(run=run, mapping=mapping)


def _goal(run: Import) -> Goal:
    segment = Segment.objects.filter(key=run.target).first()
    words = f"{segment or run.target}: {run.get_mode_display()}"
    url = reverse("admin:segments_segment_change", args=[segment.pk]) if segment else ""
    return Goal(words=words, url=url)


list_imports_register(ListImports(writer=_writer, goal=_goal, permission="segments.change_segment"))
