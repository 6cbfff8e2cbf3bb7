"""The feature library: small named functions of what a customer did before a point in time."""

from lifecycle_engine.warehouse.features import (
    breadth,
    browsing,
    engagement,
    orders,
    rhythm,
    timing,
)
from lifecycle_engine.warehouse.features.frame import features_frame, features_frames
from lifecycle_engine.warehouse.features.registry import (
    Feature,
    UnknownFeatureError,
    feature,
    features_known,
)

__all__ = [
    "Feature",
    "UnknownFeatureError",
    "breadth",
    "browsing",
    "engagement",
    "feature",
    "features_frame",
    "features_frames",
    "features_known",
    "orders",
    "rhythm",
    "timing",
]
