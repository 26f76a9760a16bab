"""The same requests through the lane and through LiteLLM alone, compared field by field."""
