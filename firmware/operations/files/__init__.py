"""The file manager of the web UI: everything is reached by descriptors, from / on, and no link is followed on the way."""
