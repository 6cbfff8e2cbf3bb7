"""What moved a score, feature by feature: exact for trees and linear models, close for networks.

A scorer's ``explain`` is one line with one of these. They read fitted models and need no model
library: the pages that staff open compute with them too.
"""

from lifecycle_engine.sdk.explaining.classes import (
    centre_contributions,
    class_contributions,
    linear_class_contributions,
    tree_class_contributions,
)
from lifecycle_engine.sdk.explaining.contributions import (
    ClassContributions,
    Contributions,
    contributions_mixed,
)
from lifecycle_engine.sdk.explaining.few import few_contributions
from lifecycle_engine.sdk.explaining.linear import linear_contributions
from lifecycle_engine.sdk.explaining.networks import integrated_gradients, network_contributions
from lifecycle_engine.sdk.explaining.trees import tree_contributions

__all__ = [
    "ClassContributions",
    "Contributions",
    "centre_contributions",
    "class_contributions",
    "contributions_mixed",
    "few_contributions",
    "integrated_gradients",
    "linear_class_contributions",
    "linear_contributions",
    "network_contributions",
    "tree_class_contributions",
    "tree_contributions",
]
