"""Following clusters from one model to the next: what is found again keeps its number."""

from collections.abc import Collection

import numpy as np

from lifecycle_engine.sdk.agreement import Labels, jaccards

#: Two clusters are one where they share more than half of what either holds. Then each has at most
#: one such partner, since more than half of its members are there, and no assignment has to be
#: solved. Spiliopoulou et al., "MONIC: modeling and monitoring cluster transitions", KDD 2006, take
#: the same half for survival; below it Hennig (2008) calls a cluster dissolved.
SAME = 0.5


def numbers_followed(
    places: Labels, before: Labels | None, *, taken: Collection[int], first: int
) -> list[int]:
    """What number each cluster goes by.

    It depends on who is together in a cluster alone, not on the order in which they were found.

    Args:
        places: the place of each customer's cluster by the new model; each from 0 on has somebody.
        before: the number of the same customer's cluster by the old model; None without one.
        taken: numbers that can't be given to a new cluster.
        first: the lowest number to give.
    """
    found: dict[int, int] = {}
    if before is not None and len(before):
        known = np.unique(before)
        shared = jaccards(places, np.searchsorted(known, before))
        for place, old in zip(*np.nonzero(shared > SAME), strict=True):
            found[int(place)] = int(known[old])
    number = max([first - 1, *taken, *found.values()])
    for place in _largest_first(places):
        if place not in found:
            number += 1
            found[place] = number
    return [found[place] for place in sorted(found)]


def _largest_first(places: Labels) -> list[int]:
    """The places, largest cluster first; of equals that which has the first of the customers."""
    found, firsts, sizes = np.unique(places, return_index=True, return_counts=True)
    return [int(place) for place in found[np.lexsort((firsts, -sizes))]]
