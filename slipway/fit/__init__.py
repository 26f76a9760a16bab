"""Predicts what a model needs in memory, the way vLLM 0.32 itself will account for it; no GPU and no weights needed.

facts → architecture → caches and parameters → prediction. Everything here is pure but `facts.py` and `host.py`, which
read small local files, and `hub.py`, which is handed the means to fetch.
"""
