"""Python imports this by itself, in every process of a part, because the part's script puts this folder on PYTHONPATH.

LiteLLM and vLLM create millions of objects while they import, and keep them: with Python's default thresholds, more than
a quarter of LiteLLM's import time goes into looking for garbage that is not there, and vLLM imports itself three times.
"""

import gc

gc.set_threshold(50_000, 20, 20)
