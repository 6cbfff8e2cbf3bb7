"""Asking for lookalikes, and making a segment of them."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from lifecycle_engine.core.jobs import enqueue
from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.customers.consents import profiling_objectors
from lifecycle_engine.scoring.errors import LookalikeError
from lifecycle_engine.scoring.lookalike_models import (
    UNDER_WAY,
    Lookalike,
    LookalikeState,
    LookalikeVerdict,
)
from lifecycle_engine.segments.lists import list_replace
from lifecycle_engine.segments.models import Segment, SegmentKind, SegmentState
from lifecycle_engine.segments.services import segment_save

_TASK = "scoring.find_lookalikes"
_KEY_LENGTH, _NAME_LENGTH = 80, 120


def lookalike_start(*, segment: Segment, at: datetime, by: str) -> Lookalike:
    """Ask for customers who look like those of the segment; whoever asks again gets the same.

    Args:
        segment: the seed.
        at: business time: what the customers did before it counts.
        by: who asks.

    Raises:
        LookalikeError: the segment is archived.
    """
    if segment.state != SegmentState.LIVE:
        raise LookalikeError(_("The segment “%(key)s” is archived.") % {"key": segment.key})
    while True:
        # One that is under way may be over before it is read.
        run = _created(segment, at, by) or lookalike_under_way(segment=segment)
        if run is not None:
            return run


def _created(segment: Segment, at: datetime, by: str) -> Lookalike | None:
    """A new search, or None where one is under way, by the constraint."""
    try:
        with transaction.atomic():
            run = Lookalike.objects.create(segment=segment, as_of=at, requested_by=by)
            enqueue(_TASK, queue="gpu")
    except IntegrityError:
        return None
    run.refresh_from_db()
    return run


def lookalike_under_way(*, segment: Segment) -> Lookalike | None:
    """The search for the segment that is queued or running."""
    return Lookalike.objects.filter(segment=segment, state__in=UNDER_WAY).first()


def lookalike_audience(
    *, lookalike_id: int, size: int, name: str, at: datetime, by: str
) -> Segment:
    """Make a segment by list of the first customers of the ranking, or change how many it holds.

    Whoever may no longer be chosen (erased, objecting to profiling, in the seed by now) is passed
    over, and those behind move up.

    Args:
        lookalike_id: the search.
        size: how many customers.
        name: of the segment.
        at: business time.
        by: who makes it.

    Raises:
        LookalikeError: there is no ranking, it is no better than chance, or it is shorter.
    """
    with transaction.atomic():
        # Of two who choose at once the second changes what the first has made.
        run = Lookalike.objects.select_for_update().get(pk=lookalike_id)
        _audience_check(run, size)
        segment = _segment(run, name, by)
        chosen = _chosen(run, size)
        list_replace(segment=segment, profile_ids=chosen, at=at, cause=f"lookalikes:{run.pk}")
        Lookalike.objects.filter(pk=run.pk).update(audience=segment, size=size)
    segment.refresh_from_db()
    return segment


def audience_name(run: Lookalike) -> str:
    """What the segment is called, or will be unless somebody says otherwise."""
    if run.audience is not None:
        return run.audience.name
    return (_("Like “%(segment)s”") % {"segment": run.segment.name})[:_NAME_LENGTH]


def _audience_check(run: Lookalike, size: int) -> None:
    if run.state != LookalikeState.READY:
        raise LookalikeError(
            _("There is no ranking; the search is in this state: %(state)s.")
            % {"state": run.get_state_display()}
        )
    if run.verdict == LookalikeVerdict.CHANCE:
        raise LookalikeError(_("The ranking is no better than chance."))
    if not 1 <= size <= run.ranked:
        raise LookalikeError(
            _("The size has to be between 1 and %(most)s; it is %(size)s.")
            % {"most": run.ranked, "size": size}
        )
    if not run.customers.exists():
        raise LookalikeError(_("The ranking is no longer kept: there is a newer one."))


def _segment(run: Lookalike, name: str, by: str) -> Segment:
    known = run.audience
    ending = f"-like-{run.pk}"
    return segment_save(
        key=known.key if known else run.segment.key[: _KEY_LENGTH - len(ending)] + ending,
        name=name[:_NAME_LENGTH],
        rule={},
        description=known.description if known else "",
        kind=SegmentKind.STATIC,
        by=by,
    )


def _chosen(run: Lookalike, size: int) -> list[int]:
    params = {
        "lookalike_id": run.pk,
        "size": size,
        "objectors": sorted(profiling_objectors(at=None)),
    }
    rows = sql_rows("scoring", "lookalike_audience", params)
    if not rows:
        raise LookalikeError(_("None of the ranked customers may be chosen any more."))
    return [customer_id for (customer_id,) in rows]
