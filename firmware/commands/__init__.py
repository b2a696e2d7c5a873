"""The programs on a node's PATH: each module here is one program or a part of one."""
