"""Rolling a scorer forward over the past, as it would have been live."""
