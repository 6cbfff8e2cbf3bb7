"""Training, model versions, batch scoring."""
