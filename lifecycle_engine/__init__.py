"""Lifecycle Engine: a plugin-based marketing automation engine for e-commerce."""

__version__ = "0.1.0"
