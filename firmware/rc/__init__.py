"""config.rc: the lossless document, its edits, the check of values."""
