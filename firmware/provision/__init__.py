"""Provisioning over a serial line: what both ends have in common. The unit's end is `provisioning`, above."""
