"""The public plugin API. What is not documented here is not part of it.

This package imports nothing of the engine, so a plugin that imports it imports nothing else.
"""
