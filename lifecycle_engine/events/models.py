"""The event log and its readers, the catalogue, and the files that are imported."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.customers.models import Customer


class Event(models.Model):
    """One thing that happened.

    The table is append-only and partitioned by month of ``occurred_at``.

    The primary key in the database is (id, occurred_at), since a partitioned table's key has to
    hold the partition column; ids are UUIDs of version 7 and unique by themselves.
    """

    id = models.UUIDField(_("id"), primary_key=True)
    source = models.CharField(_("source"), max_length=100)
    message_id = models.CharField(_("message id"), max_length=100)
    # No constraint in the database: events outlive what they point at, and the log is written by
    # COPY at full speed.
    customer = models.ForeignKey(
        Customer,
        models.DO_NOTHING,
        db_constraint=False,
        related_name="events",
        verbose_name=_("customer"),
    )
    name = models.CharField(_("name"), max_length=200)
    properties = models.JSONField(_("properties"), default=dict)
    value = models.DecimalField(_("value"), max_digits=14, decimal_places=2, null=True)
    currency = models.CharField(_("currency"), max_length=3, null=True)  # noqa: DJ001
    product_sku = models.CharField(_("product"), max_length=100, null=True)  # noqa: DJ001
    category = models.CharField(_("category"), max_length=200, null=True)  # noqa: DJ001
    campaign = models.CharField(_("campaign"), max_length=100, null=True)  # noqa: DJ001
    occurred_at = models.DateTimeField(_("occurred"))
    received_at = models.DateTimeField(_("received"), db_default=Now())
    #: By the client's clock, which may be wrong.
    original_timestamp = models.DateTimeField(_("occurred by the client's clock"), null=True)
    sent_at = models.DateTimeField(_("sent by the client's clock"), null=True)
    txid = models.BigIntegerField(_("transaction"), editable=False)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")

    def __str__(self) -> str:
        return f"{self.name} {self.id}"


class EventReceipt(models.Model):
    """A message id that was accepted, kept longer than any client retries."""

    source = models.CharField(_("source"), max_length=100)
    message_id = models.CharField(_("message id"), max_length=100)
    received_at = models.DateTimeField(_("received"), db_default=Now())

    class Meta:
        verbose_name = _("event receipt")
        verbose_name_plural = _("event receipts")
        constraints = [
            models.UniqueConstraint(fields=["source", "message_id"], name="event_receipt_unique")
        ]
        indexes = [
            # Receipts come in the order of time, so a few bytes a block say which are old.
            BrinIndex(fields=["received_at"], name="event_receipt_received", autosummarize=True)
        ]

    def __str__(self) -> str:
        return f"{self.source}:{self.message_id}"


class RejectedEvent(models.Model):
    """An event that was refused, kept for a while so that nothing is lost without a trace."""

    source = models.CharField(_("source"), max_length=100)
    message_id = models.CharField(_("message id"), max_length=100, blank=True)
    field = models.CharField(_("field"), max_length=200)
    message = models.TextField(_("reason"))
    item = models.TextField(_("event as sent"))
    digest = models.CharField(_("digest"), max_length=64, editable=False)
    # What the request said of all its items, such as when it was sent.
    sending = models.JSONField(_("request"), default=dict, editable=False)
    received_at = models.DateTimeField(_("received"))

    class Meta:
        verbose_name = _("rejected event")
        verbose_name_plural = _("rejected events")
        constraints = [
            # A client that sends a batch again sends its bad events again too.
            models.UniqueConstraint(fields=["source", "digest"], name="rejected_event_unique")
        ]
        indexes = [models.Index(fields=["received_at"], name="rejected_event_received")]

    def __str__(self) -> str:
        return self.message


class Reader(models.Model):
    """A named, durable cursor over the log, ordered by (txid, id).

    A reader whose effect is in the database moves its cursor in the same transaction. One whose
    effect is elsewhere first writes down which rows it is about to take (``pending_*``), so that a
    second try after a crash takes exactly the same rows under the same ``batch`` number.
    """

    name = models.CharField(_("name"), max_length=60, unique=True)
    txid = models.BigIntegerField(_("transaction"), default=0)
    event_id = models.UUIDField(_("event"), null=True, blank=True)
    batch = models.BigIntegerField(_("batch"), default=0)
    pending_txid = models.BigIntegerField(_("pending transaction"), null=True, blank=True)
    pending_event_id = models.UUIDField(_("pending event"), null=True, blank=True)
    read_total = models.BigIntegerField(_("events read"), default=0)
    moved_at = models.DateTimeField(_("moved"), null=True, blank=True)
    #: Tries that failed since the cursor moved, and those of them that the batch is to blame for.
    failures = models.PositiveIntegerField(_("failures"), default=0)
    blamed = models.PositiveIntegerField(_("failures of the batch"), default=0)
    error = models.TextField(_("last error"), blank=True)
    failed_at = models.DateTimeField(_("failed"), null=True, blank=True)
    retry_at = models.DateTimeField(_("tried again"), null=True, blank=True)
    #: So many of the next rows hold one that fails: it is looked for in ever smaller batches.
    suspects = models.PositiveIntegerField(_("suspects"), null=True, blank=True)
    stuck_at = models.DateTimeField(_("stuck since"), null=True, blank=True)

    class Meta:
        verbose_name = _("log reader")
        verbose_name_plural = _("log readers")

    def __str__(self) -> str:
        return self.name


class QuarantineState(models.TextChoices):
    """What became of an event that a reader failed at."""

    OPEN = "open", _("in quarantine")
    HANDLED = "handled", _("handled later")
    DISMISSED = "dismissed", _("dismissed")


class QuarantinedEvent(models.Model):
    """An event that a reader failed at and went past: staff retry it or dismiss it.

    Nothing of the event is kept here but where it stands in the log.
    """

    reader = models.ForeignKey(
        Reader, models.CASCADE, related_name="quarantine", verbose_name=_("log reader")
    )
    event_id = models.UUIDField(_("event"))
    txid = models.BigIntegerField(_("transaction"))
    occurred_at = models.DateTimeField(_("occurred"))
    error = models.TextField(_("error"))
    quarantined_at = models.DateTimeField(_("quarantined"), db_default=Now())
    state = models.CharField(
        _("state"), max_length=10, choices=QuarantineState, default=QuarantineState.OPEN
    )
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    resolved_by = models.CharField(_("by"), max_length=150, blank=True)
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)

    class Meta:
        verbose_name = _("quarantined event")
        verbose_name_plural = _("quarantined events")
        constraints = [
            models.UniqueConstraint(fields=["reader", "event_id"], name="event_quarantined_once")
        ]
        indexes = [
            models.Index(
                fields=["reader", "quarantined_at"],
                condition=models.Q(state="open"),
                name="event_quarantine_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.reader}: {self.event_id}"


class Product(models.Model):
    """A product of the catalogue."""

    sku = models.CharField(_("SKU"), max_length=100, unique=True)
    name = models.CharField(_("name"), max_length=300)
    brand = models.CharField(_("brand"), max_length=100, blank=True)
    department = models.CharField(_("department"), max_length=100, blank=True)
    category = models.CharField(_("category"), max_length=200, blank=True)
    price = models.DecimalField(_("price"), max_digits=14, decimal_places=2, null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    stock = models.PositiveIntegerField(
        _("stock"), null=True, blank=True, help_text=_("Empty where nobody counts.")
    )
    url = models.URLField(_("URL"), blank=True)
    image_url = models.URLField(_("image"), blank=True)
    available = models.BooleanField(_("available"), default=True)
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    updated_at = models.DateTimeField(_("updated"), db_default=Now())

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")

    def __str__(self) -> str:
        return self.name


class ImportKind(models.TextChoices):
    """What a file brings."""

    CUSTOMERS = "customers", _("Customers")
    EVENTS = "events", _("Events")
    PRODUCTS = "products", _("Products")
    CONSENTS = "consents", _("Consents")
    #: Begun where the list is: the file alone doesn't say which one.
    MEMBERS = "members", _("Customers for a list")


#: Kinds whose files say all that there is to say.
PLAIN_KINDS = tuple(kind for kind in ImportKind if kind != ImportKind.MEMBERS)


class ListMode(models.TextChoices):
    """What a file does to a list."""

    ADD = "add", _("Put on the list")
    REMOVE = "remove", _("Take off the list")
    REPLACE = "replace", _("These and nobody else")


class ImportState(models.TextChoices):
    """How far an import is."""

    DRAFT = "draft", _("Columns to be chosen")
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    STOPPED = "stopped", _("Stopped")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")


class Import(models.Model):
    """One file that is imported: what it is, how far it is, and what became of its rows.

    ``rows`` and ``offset`` say where the file goes on. They are written in the transaction of the
    rows themselves, so that an import that was killed goes on behind the last row that is in.
    """

    kind = models.CharField(_("kind"), max_length=10, choices=ImportKind.choices)
    source = models.CharField(
        _("source"),
        max_length=100,
        default="import",
        help_text=_("Where the rows come from. Message ids of events are unique within it."),
    )
    name = models.CharField(_("file"), max_length=300)
    #: Its name in storage; empty for a local file of the command.
    stored = models.CharField(max_length=300, blank=True, editable=False)
    digest = models.CharField(_("SHA-256"), max_length=64, editable=False)
    size = models.BigIntegerField(_("bytes"), default=0)
    columns = models.JSONField(_("columns"), default=list, blank=True)
    #: What staff or a partner said: the field of each column; the others go by their names.
    mapping = models.JSONField(_("fields of columns"), default=dict, blank=True)
    #: Which list it is for, by its segment's key, and what becomes of it.
    target = models.CharField(_("list"), max_length=80, blank=True, editable=False)
    mode = models.CharField(
        _("what to do"), max_length=7, choices=ListMode.choices, blank=True, editable=False
    )
    dry_run = models.BooleanField(_("dry run"), default=False)
    complete = models.BooleanField(
        _("these are all products"),
        default=False,
        help_text=_("What is missing is no longer available."),
    )
    state = models.CharField(
        _("state"), max_length=10, choices=ImportState.choices, default=ImportState.QUEUED
    )
    rows = models.BigIntegerField(_("rows read"), default=0)
    rows_total = models.BigIntegerField(_("rows"), null=True, blank=True)
    offset = models.BigIntegerField(_("bytes read"), default=0)
    created = models.BigIntegerField(_("new"), default=0)
    updated = models.BigIntegerField(_("changed"), default=0)
    unchanged = models.BigIntegerField(_("known already"), default=0)
    rejected = models.BigIntegerField(_("rejected"), default=0)
    #: What became of a list in the end, see ``StagingWriter.finish``.
    figures = models.JSONField(_("figures"), default=dict, blank=True, editable=False)
    seconds = models.FloatField(_("seconds"), default=0.0)
    #: Starts since the last row that went in: a file that kills its worker is not tried for ever.
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    error = models.TextField(_("error"), blank=True)
    created_by = models.CharField(_("by"), max_length=150, blank=True)
    created_at = models.DateTimeField(_("created"), db_default=Now())
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    heartbeat_at = models.DateTimeField(_("last sign of life"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        indexes = [
            models.Index(fields=["digest"], name="import_digest"),
            models.Index(
                fields=["target", "-id"], name="import_target", condition=~models.Q(target="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.name}"


class ImportRejection(models.Model):
    """A row of a file that was refused, with the reason; kept as long as the import's file."""

    imported = models.ForeignKey(
        Import, models.CASCADE, related_name="rejections", verbose_name=_("import")
    )
    row = models.BigIntegerField(_("row"))
    field = models.CharField(_("field"), max_length=200)
    message = models.TextField(_("reason"))
    values = models.TextField(_("row as read"))

    class Meta:
        verbose_name = _("rejected row")
        verbose_name_plural = _("rejected rows")
        constraints = [
            models.UniqueConstraint(fields=["imported", "row"], name="import_rejection_row")
        ]

    def __str__(self) -> str:
        return f"{self.row}: {self.message}"
