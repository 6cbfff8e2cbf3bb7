"""Bulk import of customers, events, products and consents from files, resumable after a kill."""
