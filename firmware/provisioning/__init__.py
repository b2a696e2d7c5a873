"""The unit's half of its provisioning: the agent on the serial line, for as long as the identity is not locked."""
