"""The feature library: small named functions of what a customer did before a point in time."""

from lifecycle_engine.warehouse.features import engagement, lines, orders, rhythm
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
    "engagement",
    "feature",
    "features_frame",
    "features_frames",
    "features_known",
    "lines",
    "orders",
    "rhythm",
]
