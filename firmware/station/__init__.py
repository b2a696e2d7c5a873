"""The host's half of provisioning: what is ordered, the units at the serial lines, the signed records, the labels.

It runs at a station of the factory, is started by the program `provision`, and is not on an appliance.
"""
