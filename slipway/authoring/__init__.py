"""Writes model files: from a model's own files on the hub or on disk, and from the recipes of other projects."""
