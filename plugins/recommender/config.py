"""What can be set of the recommender, in the scorer's settings in the admin."""

from pydantic import Field

from lifecycle_engine.sdk.registry import Config

#: Departments whose lines are no merchandise, by the names of dunnhumby's The Complete Journey.
NOT_MERCHANDISE = (
    "AUTOMOTIVE",
    "CHARITABLE CONT",
    "CNTRL/STORE SUP",
    "COUPON",
    "ELECT &PLUMBING",
    "FUEL",
    "GM MERCH EXP",
    "MISCELLANEOUS",
    "PHOTO & VIDEO",
    "POSTAL CENTER",
    "PROD-WHS SALES",
    "TRAVEL & LEISURE",
)


class NextProductsConfig(Config):
    """The recommender's parameters; the defaults were chosen on November 2017 of the demo's data.

    Attributes:
        excluded_departments: departments never recommended nor learnt from, in any case.
        half_life_days: after so many days an order counts half.
        popularity_days: popular is what most customers bought in so many days.
        repeat_power: how much a product's habit of being bought again counts; 0 is not at all.
        trend_power: how much a product's rise or fall counts; 0 is not at all.
        popularity_weight: what everybody's buying counts beside a customer's own.
        co_purchase_weight: what goes with the customer's products counts beside their own.
        co_purchase_power: 0.5 is the cosine of two products' orders, 1 the conditional probability
            (which favours popular products).
        co_purchase_orders: a product in fewer orders has no neighbours: they would be chance.
        co_purchase_products: only so many products, the most bought, have neighbours.
        neighbours: so many neighbours of a product are kept.
    """

    excluded_departments: tuple[str, ...] = NOT_MERCHANDISE
    half_life_days: float = Field(default=90.0, gt=0)
    popularity_days: int = Field(default=28, ge=1)
    repeat_power: float = Field(default=0.5, ge=0, le=4)
    trend_power: float = Field(default=0.75, ge=0, le=4)
    popularity_weight: float = Field(default=2.0, ge=0)
    co_purchase_weight: float = Field(default=0.2, ge=0)
    co_purchase_power: float = Field(default=0.7, ge=0.5, le=1)
    co_purchase_orders: int = Field(default=30, ge=1)
    co_purchase_products: int = Field(default=20_000, ge=1)
    neighbours: int = Field(default=50, ge=1)
