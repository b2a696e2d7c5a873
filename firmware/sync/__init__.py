"""Sync with the peer: settings, keys, the link, the gate, proposals, ancestors, standing."""
