"""App registration."""

import pyarrow as pa
from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.core.sql import sql_text
from lifecycle_engine.warehouse import schemas
from lifecycle_engine.warehouse.registry import table_register


class WarehouseConfig(AppConfig):
    """The columnar side: tables as Ibis expressions, engines, the feature library."""

    name = "lifecycle_engine.warehouse"
    label = "warehouse"
    verbose_name = _("Warehouse")

    def ready(self) -> None:
        """Register the tables of the apps below, which don't know the warehouse."""
        for name, schema in {
            "customers": schemas.CUSTOMERS,
            "products": schemas.PRODUCTS,
            "merged_profiles": schemas.MERGED_PROFILES,
        }.items():
            table_register(name, schema=schema, read=sql_text(self.label, name))
        table_register(
            "profiling_objections", schema=schemas.PROFILING_OBJECTIONS, read=_profiling_objections
        )


def _profiling_objections() -> pa.Table:
    """Whoever objects to profiling as things stand; consents are read by one statement only."""
    # Once the apps are loaded.
    from lifecycle_engine.customers.consents import profiling_objectors  # noqa: PLC0415

    objectors = sorted(profiling_objectors(at=None))
    return pa.table({"customer_id": pa.array(objectors, pa.int64())})
