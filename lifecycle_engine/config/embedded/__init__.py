"""Services the project brings along, so that a first run needs nothing installed."""
