"""The web UI's daemon."""
