"""Model cards: what a model learned from, how good it is, for whom, and by what."""
