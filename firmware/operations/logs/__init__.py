"""The logs that the web UI shows: from their end on as they grow, and whole."""
