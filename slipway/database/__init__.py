"""The database: LiteLLM's schema in PostgreSQL."""
