"""The root half of the web UI: a process for each session, which checks the credential itself and does what is asked in it."""
