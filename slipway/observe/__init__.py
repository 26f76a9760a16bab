"""What can be seen of a stack: health, progress, the likely cause of a failure, usage."""
