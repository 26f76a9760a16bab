"""The LiteLLM proxy: its configuration, and the code that runs inside its process."""
