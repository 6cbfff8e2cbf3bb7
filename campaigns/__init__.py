"""The product: campaigns, journeys, enrolments, gates, decisions, results."""
