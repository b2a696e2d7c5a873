"""Upgrades in the field: two slots, the record of which one to start, and what has to hold before a new one is kept."""
