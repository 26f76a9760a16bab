"""Drives the real command, supervisord and PostgreSQL with a small hand-written engine and gateway."""
