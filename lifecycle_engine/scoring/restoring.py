"""Getting a fitted scorer back from its artefact.

Apart from the selectors, since only who scores may pay for loading the model libraries.
"""

from lifecycle_engine.scoring.artefacts import artefact_load
from lifecycle_engine.scoring.classes import numbers_of, version_classes
from lifecycle_engine.scoring.models import ModelVersion
from lifecycle_engine.scoring.selectors import scorer_build
from lifecycle_engine.sdk.clusters import ClusterScorer
from lifecycle_engine.sdk.scorers import BaseScorer


def scorer_restored(*, version: ModelVersion) -> BaseScorer:
    """The fitted scorer of a model version.

    Raises:
        ArtefactError: the stored model is not what was stored.
    """
    scorer = scorer_build(scorer_key=version.scorer_key, config=version.config)
    scorer.restore(artefact_load(path=version.artefact, sha256=version.sha256))
    if isinstance(scorer, ClusterScorer):
        classes = version_classes(version).values()
        scorer.renumber(numbers_of(classes, "model"), numbers_of(classes, "baseline"))
    return scorer
