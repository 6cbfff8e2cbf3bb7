"""What happened: ingestion, the log, its readers, the product catalogue."""
