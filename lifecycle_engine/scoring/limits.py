"""Limits of the API, where nothing heavy has to be loaded to know them."""

#: Customers in one request to be scored on demand.
AT_ONCE = 100
