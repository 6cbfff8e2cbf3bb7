"""Who: customers, identities, attributes, consent."""
