"""The catalogue in the admin: what a product looks like, costs, and whether there are any left."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from lifecycle_engine.core.modeladmin import RecordAdmin, labelled
from lifecycle_engine.events.models import Product

#: Below this, staff are told that few are left.
FEW = 10


class StockFilter(admin.SimpleListFilter):
    """Products by how many are left."""

    title = _("stock")
    parameter_name = "stock"

    def lookups(
        self,
        request: HttpRequest,  # noqa: ARG002 - the base names it
        model_admin: Any,  # noqa: ARG002 - the base names it
    ) -> list[tuple[str, Any]]:
        """What can be chosen."""
        return [("none", _("none left")), ("few", _("few left")), ("uncounted", _("not counted"))]

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 - the base names it
        queryset: QuerySet[Product],
    ) -> QuerySet[Product]:
        """The products that are meant."""
        wanted = {
            "none": Q(stock=0),
            "few": Q(stock__gt=0, stock__lt=FEW),
            "uncounted": Q(stock__isnull=True),
        }
        return queryset.filter(wanted.get(self.value() or "", Q()))


@admin.register(Product)
class ProductAdmin(RecordAdmin):
    """The catalogue, as the shop sends it through the API or in files."""

    list_display = [
        *("product", "brand", "category", "price_shown", "stock_shown", "available_shown"),
        "updated_at",
    ]
    list_display_links = ["product"]
    list_filter = ["available", StockFilter]
    search_fields = ["=sku", "^name"]
    ordering = ["-id"]
    # Named, so that no form field is made for them: Django warns of every URL field's scheme.
    fieldsets = [
        (None, {"fields": ["picture", "name", "sku", ("brand", "department", "category")]}),
        (_("Offer"), {"fields": [("price_shown", "stock_words", "available"), "url"]}),
        (_("More"), {"fields": ["attributes", "image_url", "updated_at"]}),
    ]
    readonly_fields = ["picture", "price_shown", "stock_words"]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, with pictures from the shop."""
        return _with_pictures(super().changelist_view(request, extra_context))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """One product, with its picture."""
        return _with_pictures(super().changeform_view(request, object_id, form_url, extra_context))

    @display(description=_("product"), header=True, ordering="name")  # type: ignore[untyped-decorator]
    def product(self, product: Product) -> list[Any]:
        """Picture, name and SKU."""
        shown = [product.name, product.sku, product.name[:1]]
        if not _is_picture(product.image_url):
            return shown
        picture = {"path": product.image_url, "squared": True, "width": 40, "height": 40}
        return [*shown, picture]

    @admin.display(description=_("picture"))
    def picture(self, product: Product) -> str:
        """The picture on the product's own page."""
        if not _is_picture(product.image_url):
            return "–"
        return format_html('<img class="le-picture" src="{}" alt="">', product.image_url)

    @admin.display(description=_("price"), ordering="price")
    def price_shown(self, product: Product) -> str:
        """The price with its currency."""
        if product.price is None:
            return "–"
        amount = number_format(product.price, 2, use_l10n=True, force_grouping=True)
        return f"{amount} {product.currency}".strip()

    @labelled(
        description=_("stock"), colours={"none": "danger", "few": "warning", "enough": "success"}
    )
    def stock_shown(self, product: Product) -> tuple[str, str]:
        """How many are left, coloured."""
        return _stock_state(product.stock), self.stock_words(product)

    @admin.display(description=_("stock"))
    def stock_words(self, product: Product) -> str:
        """How many are left."""
        if product.stock is None:
            return gettext("not counted")
        shown = number_format(product.stock, use_l10n=True, force_grouping=True)
        return str(shown) if product.stock else gettext("none left")

    @labelled(description=_("available"), colours={"yes": "success", "no": "danger"})
    def available_shown(self, product: Product) -> tuple[str, str]:
        """Whether it can be had, in a word."""
        return ("yes", gettext("available")) if product.available else ("no", gettext("withdrawn"))


def _stock_state(stock: int | None) -> str:
    if stock is None:
        return "uncounted"
    if stock == 0:
        return "none"
    return "few" if stock < FEW else "enough"


def _is_picture(url: str) -> bool:
    return url.startswith("https://")


def _with_pictures(response: HttpResponse) -> HttpResponse:
    # The policy that goes with every page allows pictures of our own only.
    response.shows_pictures = True  # type: ignore[attr-defined]
    return response
