"""What two services share that run keepalived: vrrp (virtual addresses) and ipvsd (layer 4).

`configuration` reads keepalived's files, `checker` is the program that checks one, `release` the one that takes away the
virtual addresses which a dead keepalived has left, `reload` has a running one load its file.
"""
