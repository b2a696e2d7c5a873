"""Sync with the peer: settings, keys, the link, the sshd for peers, proposals, transactions, node and pair state."""
