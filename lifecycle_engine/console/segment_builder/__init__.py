"""The segment builder: a rule as a form that the server draws, for any registered condition."""
