"""Slipway: one command that serves an open model on your own machine."""

__version__ = "0.1.0"
