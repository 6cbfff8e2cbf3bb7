"""Where the customer stands: segments, lifecycle stage, consent, and chance."""

from collections.abc import Iterable
from functools import reduce
from typing import Annotated

import ibis
import ibis.expr.types as ir
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from pydantic import Field, StrictStr, model_validator

from lifecycle_engine.customers.models import PURPOSE_PATTERN, ConsentPurpose, purpose_words
from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.sdk.errors import ConfigError
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.tables import Moment, Tables
from lifecycle_engine.segments.conditions.comparisons import Number
from lifecycle_engine.segments.conditions.windows import among, crossed, own
from lifecycle_engine.segments.models import Stage


class MemberConfig(Config):
    """Which segment."""

    segment: Annotated[StrictStr, Field(min_length=1, max_length=80)] = Field(title="Segment")


@conditions.register
class SegmentMember(Condition[MemberConfig]):
    """The customer is in another segment, by its stored membership."""

    key = "segment.member"
    label = gettext_lazy("Is in a segment")
    Config = MemberConfig
    timeless = True

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Look into the stored membership; the other segment's rule is not computed again."""
        members = tables["memberships"]
        return among(customers, members.filter(members.segment == self.config.segment).customer_id)

    def observed(self, tables: Tables, customers: ir.Table) -> ir.Value | None:
        """Since when the customer is in it."""
        members = tables["memberships"]
        mine = own(members.filter(members.segment == self.config.segment), customers)
        return mine.joined_at.max().as_scalar()

    def sentence(self) -> str:
        """Such as "is in segment big-spenders"."""
        return _("is in segment “%(segment)s”") % {"segment": self.config.segment}

    def segments(self) -> Iterable[str]:
        """The segment it looks into."""
        return (self.config.segment,)


class StageConfig(Config):
    """Which stages."""

    one_of: Annotated[list[Stage], Field(min_length=1, max_length=len(Stage))] = Field(
        title="One of"
    )


@conditions.register
class StageIs(Condition[StageConfig]):
    """The customer is in one of these lifecycle stages."""

    key = "stage.is"
    label = gettext_lazy("Lifecycle stage")
    Config = StageConfig
    timeless = True

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Look into the stored stages."""
        stages = tables["stages"]
        wanted = [stage.value for stage in self.config.one_of]
        return among(customers, stages.filter(stages.stage.isin(wanted)).customer_id)

    def observed(self, tables: Tables, customers: ir.Table) -> ir.Value | None:
        """The stage."""
        return own(tables["stages"], customers).stage.max().as_scalar()

    def sentence(self) -> str:
        """Such as "is in stage loyal or developing"."""
        return _("is in stage %(stages)s") % {
            "stages": _(" or ").join(str(stage.label) for stage in self.config.one_of)
        }


class ConsentConfig(Config):
    """Consent to what, through which channel."""

    channel: Annotated[StrictStr, Field(max_length=20)] = Field(
        default="", title="Channel", description="Empty for a purpose that has no channel."
    )
    purpose: Annotated[StrictStr, Field(pattern=PURPOSE_PATTERN)] = Field(
        default=ConsentPurpose.MARKETING.value,
        title="Purpose",
        description="marketing, profiling, sharing, or sharing:partner for one partner.",
    )


@conditions.register
class ConsentGranted(Condition[ConsentConfig]):
    """The newest entry of the consent ledger for the channel and purpose grants it."""

    key = "consent.granted"
    label = gettext_lazy("Consent")
    Config = ConsentConfig

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Take the newest entry up to ``as_of``, and only a grant that has not expired.

        Who has none has not consented. Of a yes and a no of the same moment the no counts.
        """
        now = tables.moment()
        entries = self._entries(tables)
        last = entries.group_by("customer_id").aggregate(last=entries.recorded_at.max())
        newest = (
            entries.join(last, "customer_id")
            .filter(lambda both: both.recorded_at == both.last)
            .group_by("customer_id")
            .aggregate(
                stands=lambda both: (
                    both.granted & (both.expires_at.isnull() | (both.expires_at > now))
                ).all()
            )
        )
        return among(customers, newest.filter(newest.stands).customer_id)

    def _entries(self, tables: Tables) -> ir.Table:
        ledger = tables["consents"]
        return ledger.filter(
            ledger.channel == self.config.channel,
            ledger.purpose == self.config.purpose,
            ledger.recorded_at <= tables.moment(),
        )

    def observed(self, tables: Tables, customers: ir.Table) -> ir.Value | None:
        """When the newest entry was made, be it a yes or a no."""
        return own(self._entries(tables), customers).recorded_at.max().as_scalar()

    def expiring(self, tables: Tables, since: Moment) -> ir.Table | None:
        """Whose entry came to pass, or ran out."""
        entries = self._entries(tables)
        moved = crossed(tables, entries.recorded_at, since)
        return entries.filter(moved | crossed(tables, entries.expires_at, since)).select(
            "customer_id"
        )

    def sentence(self) -> str:
        """Such as "has consented to Marketing by email"."""
        purpose = purpose_words(self.config.purpose)
        if not self.config.channel:
            return _("has consented to %(purpose)s") % {"purpose": purpose}
        return _("has consented to %(purpose)s by %(channel)s") % {
            "purpose": purpose,
            "channel": self.config.channel,
        }


@ibis.udf.scalar.builtin(name="md5")  # type: ignore[untyped-decorator]
def _md5(text: str) -> str:  # type: ignore[empty-body]
    """Every engine's own, in hexadecimal digits; Ibis knows it of some engines only."""


class BucketConfig(Config):
    """Which slice of a shuffled deck."""

    salt: Annotated[StrictStr, Field(min_length=1, max_length=100)] = Field(
        title="Name of the split", description="Another name shuffles anew."
    )
    from_percent: Annotated[Number, Field(ge=0, le=100)] = Field(default=0, title="From (%)")
    below_percent: Annotated[Number, Field(ge=0, le=100)] = Field(title="Below (%)")

    @model_validator(mode="after")
    def _ordered(self) -> "BucketConfig":
        if self.from_percent >= self.below_percent:
            raise ConfigError(
                f"from_percent {self.from_percent} is not below below_percent {self.below_percent}",
                gettext_noop("The slice ends before it begins."),
            )
        return self


@conditions.register
class RandomBucket(Condition[BucketConfig]):
    """The customer falls into a random slice, for ever the same one under the same name."""

    key = "random.bucket"
    label = gettext_lazy("Random slice")
    Config = BucketConfig
    timeless = True

    def expression(
        self,
        tables: Tables,  # noqa: ARG002 - the base names it
        customers: ir.Table,
    ) -> ir.BooleanValue:
        """Compare the customer's place among 10,000."""
        bucket = self._bucket(customers)
        low = round(self.config.from_percent * 100)
        high = round(self.config.below_percent * 100)
        return (bucket >= low) & (bucket < high)

    def observed(
        self,
        tables: Tables,  # noqa: ARG002 - the base names it
        customers: ir.Table,
    ) -> ir.Value | None:
        """The customer's place, in percent."""
        return self._bucket(customers) / 100

    def _bucket(self, customers: ir.Table) -> ir.IntegerValue:
        """The name and the customer's id hashed into 10,000 buckets.

        MD5 since every engine has it; nothing here needs to be secret.
        """
        digest = _md5(ibis.literal(self.config.salt + ":") + customers.id.cast("string"))
        digits = ibis.literal("0123456789abcdef")
        # Engines differ in how they read a text of hexadecimal digits.
        values = [digits.find(digest.substr(place, 1)) for place in range(8)]
        # The remainder at every step, so that no engine's integers are too small.
        return reduce(lambda number, value: (number * 16 + value) % 10_000, values)

    def sentence(self) -> str:
        """Such as "falls between 0 % and 50 % of the split “june”"."""
        return _("falls between %(low)s %% and %(high)s %% of the split “%(salt)s”") % {
            "low": self.config.from_percent,
            "high": self.config.below_percent,
            "salt": self.config.salt,
        }
