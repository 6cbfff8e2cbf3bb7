"""What is in the baskets: how many kinds of things, and how much one kind stands out."""

import ibis.expr.types as ir

from lifecycle_engine.warehouse.features.registry import feature
from lifecycle_engine.warehouse.features.windows import ratio, within


@feature(source="order_lines", unit="share", window_days=90)
def discounted_lines_share_90d(lines: ir.Table) -> ir.Scalar:
    """The part of the last 90 days' order lines that was bought at a discount."""
    recent = within(lines, 90)
    return ratio(lines.count(where=recent & (lines.discount > 0)), lines.count(where=recent))


@feature(source="products_bought", unit="products", window_days=90, missing=0.0)
def products_90d(products: ir.Table) -> ir.Scalar:
    """Different products bought in the last 90 days."""
    return products.count(where=within(products, 90))


@feature(source="products_bought", unit="share", window_days=365)
def repeat_products_share_365d(products: ir.Table) -> ir.Scalar:
    """The part of the products bought in the last 365 days that was bought more than once."""
    again = products.oldest_age_seconds > products.age_seconds
    return ratio(products.count(where=again), products.count())


@feature(source="departments_bought", unit="departments", window_days=90, missing=0.0)
def departments_90d(departments: ir.Table) -> ir.Scalar:
    """Different departments bought from in the last 90 days."""
    return departments.count(where=within(departments, 90))


@feature(source="departments_bought", unit="share", window_days=365)
def favourite_department_share_365d(departments: ir.Table) -> ir.Scalar:
    """The part of the last 365 days' order lines that is of the customer's largest department."""
    return ratio(departments.lines.max(), departments.lines.sum())


@feature(source="categories_bought", unit="categories", window_days=90, missing=0.0)
def categories_90d(categories: ir.Table) -> ir.Scalar:
    """Different categories bought from in the last 90 days."""
    return categories.count(where=within(categories, 90))


@feature(source="categories_bought", unit="share", window_days=365)
def favourite_category_share_365d(categories: ir.Table) -> ir.Scalar:
    """The part of the last 365 days' order lines that is of the customer's largest category."""
    return ratio(categories.lines.max(), categories.lines.sum())


@feature(source="categories_bought", unit="nats", window_days=365)
def category_entropy_365d(categories: ir.Table) -> ir.Scalar:
    """How evenly the last 365 days' order lines spread over categories: 0 is a single one.

    Shannon's entropy, -sum(p ln p) with the part p of the lines that is of a category; ln(n) for n
    categories alike. It is written as ln(all) - sum(lines ln lines) / all.
    """
    every = categories.lines.sum().cast("float64")
    lines = categories.lines.cast("float64")
    return every.ln() - ratio((lines * lines.ln()).sum(), every)
