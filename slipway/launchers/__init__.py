"""Where a plan runs: one module per launcher."""
