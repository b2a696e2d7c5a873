"""Sync with the peer: settings, keys, the link, the sshd for peers, proposals, transactions, node and pair state."""

#: csyncd's socket for the operator: root alone can open it
CONTROL = "/run/firmware/csyncd.sock"
