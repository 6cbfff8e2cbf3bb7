"""Lookalike audiences: customers ranked by how much they look like those of a segment."""
