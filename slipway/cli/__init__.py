"""The command line: one module per verb, each a click command named `command`."""
