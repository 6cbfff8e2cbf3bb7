"""What is in the baskets."""

import ibis.expr.types as ir

from lifecycle_engine.warehouse.features.registry import feature, ratio, within

SOURCE = "order_lines"


@feature(source=SOURCE, unit="products", window_days=90, missing=0.0)
def products_90d(lines: ir.Table) -> ir.Scalar:
    """Different products bought in the last 90 days."""
    return lines.sku.nunique(where=within(lines, 90))


@feature(source=SOURCE, unit="departments", window_days=90, missing=0.0)
def departments_90d(lines: ir.Table) -> ir.Scalar:
    """Different departments bought from in the last 90 days."""
    return lines.department.nunique(where=within(lines, 90))


@feature(source=SOURCE, unit="categories", window_days=90, missing=0.0)
def categories_90d(lines: ir.Table) -> ir.Scalar:
    """Different categories bought from in the last 90 days."""
    return lines.category.nunique(where=within(lines, 90))


@feature(source=SOURCE, unit="share", window_days=90)
def discounted_lines_share_90d(lines: ir.Table) -> ir.Scalar:
    """The part of the last 90 days' order lines that was bought at a discount."""
    recent = within(lines, 90)
    return ratio(lines.count(where=recent & (lines.discount > 0)), lines.count(where=recent))


@feature(source=SOURCE, unit="money", window_days=90)
def line_value_mean_90d(lines: ir.Table) -> ir.Scalar:
    """Mean value of an order line of the last 90 days."""
    return lines.value.mean(where=within(lines, 90))
