"""Staff accounts in the admin's own look, and the pages that take the place of plain forms."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.admin import AdminSite
from django.contrib.auth.admin import GroupAdmin as BaseGroupAdmin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from campaigns.admin import OccurrenceAdmin
from campaigns.models import Occurrence
from lifecycle_engine.console.attribute_page import attribute_history_view
from lifecycle_engine.console.backtest_pages import backtest_context
from lifecycle_engine.console.campaign_pages import occurrence_context
from lifecycle_engine.console.class_pages import classes_over_time
from lifecycle_engine.console.customer_page import customer_context
from lifecycle_engine.console.identity_pages import (
    identity_context,
    merge_undo_view,
    merge_view,
    suggestion_context,
    suggestion_dismiss_view,
)
from lifecycle_engine.console.lookalike_pages import (
    lookalike_context,
    lookalike_progress_view,
    lookalike_segment_view,
    lookalike_start_view,
)
from lifecycle_engine.console.model_card import model_card_context
from lifecycle_engine.console.model_pages import changes_context, model_move_view
from lifecycle_engine.console.privacy_pages import (
    customer_erase_view,
    customer_export_view,
    staff_access_note,
)
from lifecycle_engine.console.reader_page import (
    quarantined_dismiss_view,
    quarantined_retry_view,
    reader_context,
    reader_retry_view,
)
from lifecycle_engine.console.reason_pages import score_explain_view
from lifecycle_engine.console.segment_builder import preview_views as preview
from lifecycle_engine.console.segment_builder import views as builder
from lifecycle_engine.console.segment_builder.list_page import (
    segment_list_view,
    segment_members_view,
)
from lifecycle_engine.console.segment_builder.segment_page import (
    segment_archive_view,
    segment_begin_view,
    segment_context,
    segment_duplicate_view,
    segment_edit_view,
)
from lifecycle_engine.console.target_pages import (
    target_archive_view,
    target_context,
    target_new_view,
)
from lifecycle_engine.console.task_card import task_card_context
from lifecycle_engine.core.modeladmin import EngineAdmin, RecordAdmin
from lifecycle_engine.customers.admin import CustomerAdmin, MergeSuggestionAdmin
from lifecycle_engine.customers.models import Customer, MergeSuggestion
from lifecycle_engine.customers.privacy_models import AccessAction
from lifecycle_engine.customers.selectors import customers_complete
from lifecycle_engine.events.admin import ReaderAdmin
from lifecycle_engine.events.models import Reader
from lifecycle_engine.scoring.admin import (
    BacktestAdmin,
    LookalikeAdmin,
    ModelVersionAdmin,
    TargetAdmin,
)
from lifecycle_engine.scoring.backtest_models import Backtest
from lifecycle_engine.scoring.lookalike_models import Lookalike
from lifecycle_engine.scoring.models import ModelVersion
from lifecycle_engine.scoring.target_models import Target
from lifecycle_engine.segments.admin import SegmentAdmin
from lifecycle_engine.segments.models import Segment

for _model in (
    User,
    Group,
    Backtest,
    Customer,
    Lookalike,
    MergeSuggestion,
    ModelVersion,
    Occurrence,
    Reader,
    Segment,
    Target,
):
    admin.site.unregister(_model)


@admin.register(User)
class UserAdmin(BaseUserAdmin, EngineAdmin):  # type: ignore[type-arg]
    """Who may sign in here."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(BaseGroupAdmin, EngineAdmin):
    """What a kind of staff may do."""


class PageMixin:
    """Something whose own page is drawn by the console."""

    # What the admin class beside it has.
    admin_site: AdminSite
    opts: Any
    get_object: Callable[..., Any]
    has_view_permission: Callable[..., bool]

    page_template: str

    def page_context(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        """What the page shows."""
        raise NotImplementedError

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The record's page instead of a form.

        Raises:
            PermissionDenied: this member of staff may not see the record.
            Http404: there is no such record.
        """
        record = self.get_object(request, object_id)
        if not self.has_view_permission(request, record):
            raise PermissionDenied
        if record is None:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": record,
            **self.page_context(request, record),
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, self.page_template, context)


class PageAdmin(PageMixin, RecordAdmin):
    """A record whose own page is drawn by the console."""


@admin.register(Customer)
class CustomerPage(CustomerAdmin, PageAdmin):  # type: ignore[misc]
    """The list of customers, and each one's page."""

    page_template = "console/customer.html"

    def page_context(self, request: HttpRequest, record: Customer) -> dict[str, Any]:
        """All that is known of the customer; who looks is written down."""
        staff_access_note(request, AccessAction.VIEWED, record.pk)
        privacy = {
            "may_export": request.user.has_perm("customers.export_customer"),
            "may_erase": request.user.has_perm("customers.erase_customer"),
        }
        # A profile that is part of a customer is shown by itself, a customer with all its parts.
        if record.merged_into_id is None:
            customers_complete(customers=[record])
        return privacy | customer_context(request, record) | identity_context(request, record)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, which shows addresses; who looks is written down."""
        staff_access_note(request, AccessAction.SEARCHED)
        return super().changelist_view(request, extra_context)  # type: ignore[no-any-return]

    def get_urls(self) -> list[URLPattern]:
        """What staff can do about who is who, before the pages of the records."""
        guard = self.admin_site.admin_view
        own = [
            path("<int:customer_id>/merge/", guard(merge_view), name="customers_customer_merge"),
            path(
                "scores/<int:score_id>/explain/",
                guard(score_explain_view),
                name="scoring_score_explain",
            ),
            path(
                "merges/<int:merge_id>/undo/", guard(merge_undo_view), name="customers_merge_undo"
            ),
            path(
                "<int:customer_id>/attributes/",
                guard(attribute_history_view),
                name="customers_customer_attributes",
            ),
            path(
                "<int:customer_id>/export/",
                guard(customer_export_view),
                name="customers_customer_export",
            ),
            path(
                "<int:customer_id>/erase/",
                guard(customer_erase_view),
                name="customers_customer_erase",
            ),
            path(
                "suggestions/<int:suggestion_id>/dismiss/",
                guard(suggestion_dismiss_view),
                name="customers_mergesuggestion_dismiss",
            ),
        ]
        return [*own, *super().get_urls()]


@admin.register(MergeSuggestion)
class SuggestionPage(MergeSuggestionAdmin, PageAdmin):
    """Customers who may be one, and what to do about each pair."""

    page_template = "console/suggestion.html"

    def page_context(self, request: HttpRequest, record: MergeSuggestion) -> dict[str, Any]:
        """The two customers."""
        return suggestion_context(request, record)


@admin.register(ModelVersion)
class ModelVersionPage(ModelVersionAdmin, PageAdmin):
    """The list of models, and each one's card."""

    page_template = "console/model_card.html"

    def page_context(self, request: HttpRequest, record: ModelVersion) -> dict[str, Any]:
        """The model's card, and what can be done with it."""
        card = model_card_context(request, record) | task_card_context(record)
        return card | changes_context(request, record)

    def get_urls(self) -> list[URLPattern]:
        """What staff can do with a version, before the pages of the records."""
        guard = self.admin_site.admin_view
        own = [
            path(f"<int:version_id>/{name}/", guard(view), name=f"scoring_modelversion_{name}")
            for name, view in (("move", model_move_view), ("classes", classes_over_time))
        ]
        return [*own, *super().get_urls()]


@admin.register(Backtest)
class BacktestPage(BacktestAdmin, PageAdmin):
    """The list of backtests, and each one's page."""

    page_template = "console/backtest.html"
    change_list_template = "console/backtests.html"

    def page_context(self, request: HttpRequest, record: Backtest) -> dict[str, Any]:
        """How far it is, and what it came to."""
        return backtest_context(record)


@admin.register(Lookalike)
class LookalikePage(LookalikeAdmin, PageAdmin):
    """The list of searches for lookalikes, and each one's page."""

    page_template = "console/lookalike.html"
    change_list_template = "console/lookalikes.html"

    def page_context(self, request: HttpRequest, record: Lookalike) -> dict[str, Any]:
        """How far it is, or what it is worth."""
        return lookalike_context(request, record)

    def get_urls(self) -> list[URLPattern]:
        """What the page asks for, before the pages of the records."""
        guard = self.admin_site.admin_view
        pages = {"progress": lookalike_progress_view, "segment": lookalike_segment_view}
        own = [
            path(f"<int:lookalike_id>/{name}/", guard(view), name=f"scoring_lookalike_{name}")
            for name, view in pages.items()
        ]
        return [*own, *super().get_urls()]


@admin.register(Target)
class TargetPage(TargetAdmin, PageAdmin):
    """The list of targets, each one's page, and the form for another."""

    page_template = "console/target.html"
    change_list_template = "console/targets.html"

    def page_context(self, request: HttpRequest, record: Target) -> dict[str, Any]:
        """What it says, and how often it was true."""
        return target_context(request, record)

    def get_urls(self) -> list[URLPattern]:
        """What staff can do, before the pages of the records."""
        guard = self.admin_site.admin_view
        pages: dict[str, tuple[Any, str]] = {
            "new/": (target_new_view, "scoring_target_new"),
            "rules/<int:draft_id>/": (builder.builder_view, "scoring_target_rule"),
            "<int:target_id>/archive/": (target_archive_view, "scoring_target_archive"),
        }
        own = [path(route, guard(view), name=name) for route, (view, name) in pages.items()]
        return [*own, *super().get_urls()]


@admin.register(Occurrence)
class OccurrencePage(OccurrenceAdmin, PageAdmin):
    """Each firing of a campaign, and what it came to."""

    page_template = "console/occurrence.html"

    def page_context(self, request: HttpRequest, record: Occurrence) -> dict[str, Any]:
        """Books, decisions, coupons and the comparison."""
        return occurrence_context(request, record)


@admin.register(Reader)
class ReaderPage(ReaderAdmin, PageAdmin):
    """The list of log readers, and each one's page with what is in quarantine."""

    page_template = "console/reader.html"

    def page_context(self, request: HttpRequest, record: Reader) -> dict[str, Any]:
        """How the reader is, and what it failed at."""
        return reader_context(request, record)

    def get_urls(self) -> list[URLPattern]:
        """What staff can do, before the pages of the records."""
        guard = self.admin_site.admin_view
        own = [
            path("<int:reader_id>/retry/", guard(reader_retry_view), name="events_reader_retry"),
            path(
                "quarantine/<int:quarantined_id>/retry/",
                guard(quarantined_retry_view),
                name="events_quarantinedevent_retry",
            ),
            path(
                "quarantine/<int:quarantined_id>/dismiss/",
                guard(quarantined_dismiss_view),
                name="events_quarantinedevent_dismiss",
            ),
        ]
        return [*own, *super().get_urls()]


@admin.register(Segment)
class SegmentPage(PageMixin, SegmentAdmin):
    """The list of segments, each one's page, and the builder."""

    page_template = "console/segment.html"
    change_list_template = "console/segments.html"

    def page_context(self, request: HttpRequest, record: Segment) -> dict[str, Any]:
        """What the segment is, was, and is used for."""
        return segment_context(request, record)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Ask for a name, and go on to the builder."""
        return segment_begin_view(request)

    def get_urls(self) -> list[URLPattern]:
        """The builder, before the pages of the records."""
        guard = self.admin_site.admin_view
        pages = {
            "drafts/<int:draft_id>/": (builder.builder_view, "segments_draft"),
            "drafts/<int:draft_id>/edit/": (builder.edit_view, "segments_draft_edit"),
            "drafts/<int:draft_id>/step/": (builder.step_view, "segments_draft_step"),
            "drafts/<int:draft_id>/suggest/": (builder.suggest_view, "segments_draft_suggest"),
            "drafts/<int:draft_id>/publish/": (builder.publish_view, "segments_draft_publish"),
            "drafts/<int:draft_id>/discard/": (builder.discard_view, "segments_draft_discard"),
            "drafts/<int:draft_id>/preview/": (preview.preview_view, "segments_draft_preview"),
            "drafts/<int:draft_id>/counts/": (preview.counts_view, "segments_draft_counts"),
            "drafts/<int:draft_id>/reach/": (preview.reach_view, "segments_draft_reach"),
            "drafts/<int:draft_id>/why/": (preview.why_view, "segments_draft_why"),
            "<int:segment_id>/edit/": (segment_edit_view, "segments_segment_edit"),
            "<int:segment_id>/duplicate/": (segment_duplicate_view, "segments_segment_duplicate"),
            "<int:segment_id>/lookalikes/": (lookalike_start_view, "segments_segment_lookalikes"),
            "<int:segment_id>/archive/": (segment_archive_view, "segments_segment_archive"),
            "<int:segment_id>/list/": (segment_list_view, "segments_segment_list"),
            "<int:segment_id>/members.csv": (segment_members_view, "segments_segment_members"),
        }
        own = [path(route, guard(view), name=name) for route, (view, name) in pages.items()]
        return [*own, *super().get_urls()]
