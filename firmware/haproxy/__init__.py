"""haproxy: what its file says, what it says itself, its master, and its checker."""
