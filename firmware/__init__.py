"""The csyncd firmware: services from config.rc, their sync between nodes, and their saving to flash."""

__version__ = "0.3.0"
