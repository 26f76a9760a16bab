"""The real parts: vLLM, LiteLLM and PostgreSQL, launched by ./runMe.sh."""
