"""How well the customer is known, and where they are."""

import math
from typing import Annotated, Literal

import ibis
import ibis.expr.types as ir
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import Field

from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.tables import Tables, json_text
from lifecycle_engine.segments.conditions.comparisons import Number, number
from lifecycle_engine.segments.conditions.events import Member

_EARTH_RADIUS = 6371.0088  # Kilometres; the mean radius of IUGG.


class IdentityConfig(Config):
    """How the customer is known."""

    kind: Literal["known", "anonymous", "email", "phone"] = Field(title="Known by")


@conditions.register
class IdentityKind(Condition[IdentityConfig]):
    """The customer has a customer number, has none, or can be reached at an address or number."""

    key = "identity.kind"
    label = gettext_lazy("How the customer is known")
    Config = IdentityConfig
    timeless = True

    def expression(
        self,
        tables: Tables,  # noqa: ARG002 - the base names it
        customers: ir.Table,
    ) -> ir.BooleanValue:
        """Look whether the column says something."""
        column = {"email": "email_hash", "phone": "phone_hash"}.get(self.config.kind, "external_id")
        known = customers[column].nullif("").notnull()
        return ~known if self.config.kind == "anonymous" else known

    def observed(
        self,
        tables: Tables,  # noqa: ARG002 - the base names it
        customers: ir.Table,
    ) -> ir.Value | None:
        """The customer number; of what is encrypted nothing."""
        reached = self.config.kind in {"email", "phone"}
        return None if reached else customers.external_id.nullif("")

    def sentence(self) -> str:
        """Such as "has an e-mail address"."""
        return {
            "known": _("has a customer number"),
            "anonymous": _("is anonymous"),
            "email": _("has an e-mail address"),
            "phone": _("has a telephone number"),
        }[self.config.kind]


class LocationConfig(Config):
    """A point, a distance, and which attributes say where the customer is."""

    latitude: Annotated[Number, Field(ge=-90, le=90)] = Field(title="Latitude")
    longitude: Annotated[Number, Field(ge=-180, le=180)] = Field(title="Longitude")
    kilometres: Annotated[Number, Field(gt=0, le=20_000)] = Field(title="Within kilometres")
    latitude_attribute: Member = Field(default="latitude", title="Attribute with the latitude")
    longitude_attribute: Member = Field(default="longitude", title="Attribute with the longitude")


@conditions.register
class LocationNear(Condition[LocationConfig]):
    """The customer's coordinates are near a point, as the crow flies."""

    key = "location.near"
    label = gettext_lazy("Near a place")
    Config = LocationConfig
    timeless = True

    def expression(
        self,
        tables: Tables,  # noqa: ARG002 - the base names it
        customers: ir.Table,
    ) -> ir.BooleanValue:
        """Compare haversines, which grow with the distance; coordinates off the globe are none."""
        latitude, longitude = self._place(customers)
        on_globe = latitude.between(-90, 90) & longitude.between(-180, 180)
        reach = math.sin(min(self.config.kilometres / _EARTH_RADIUS, math.pi) / 2) ** 2
        return on_globe & (self._haversine(latitude, longitude) <= reach)

    def observed(
        self,
        tables: Tables,  # noqa: ARG002 - the base names it
        customers: ir.Table,
    ) -> ir.Value | None:
        """The distance in kilometres."""
        haversine = self._haversine(*self._place(customers))
        # Rounding may take the far side of the globe a little beyond 1.
        return (2 * _EARTH_RADIUS * ibis.least(haversine, 1.0).sqrt().asin()).round(1)

    def _place(self, customers: ir.Table) -> tuple[ir.FloatingValue, ir.FloatingValue]:
        document = customers.attributes
        return (
            number(json_text(document, self.config.latitude_attribute)),
            number(json_text(document, self.config.longitude_attribute)),
        )

    def _haversine(
        self, latitude: ir.FloatingValue, longitude: ir.FloatingValue
    ) -> ir.FloatingValue:
        north = ((latitude - float(self.config.latitude)).radians() / 2).sin()
        east = ((longitude - float(self.config.longitude)).radians() / 2).sin()
        narrowing = latitude.radians().cos() * math.cos(math.radians(self.config.latitude))
        found: ir.FloatingValue = north * north + narrowing * east * east
        return found

    def sentence(self) -> str:
        """Such as "is within 25 km of 52.52, 13.4"."""
        return _("is within %(kilometres)g km of %(latitude)g, %(longitude)g") % {
            "kilometres": self.config.kilometres,
            "latitude": self.config.latitude,
            "longitude": self.config.longitude,
        }
