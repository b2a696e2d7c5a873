"""Tornado: the one place that knows the framework. It reads requests, writes answers, and speaks WebSocket."""
