"""The daemon csyncd: the pair as it sees it, and the two kinds of sockets that it serves. Start with `daemon`."""

#: the operator's socket: root alone can open it
CONTROL = "/run/firmware/csyncd.sock"
