"""Sphinx configuration."""

project = "Lifecycle Engine"
author = "The Lifecycle Engine developers"
copyright = "2026, The Lifecycle Engine developers"  # noqa: A001 - Sphinx's name for it
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
html_theme = "furo"
html_title = "Lifecycle Engine"
exclude_patterns = ["_build"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
