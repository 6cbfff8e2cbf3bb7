"""Targets: what staff want scores of, defined without code, each a scorer of a family."""
