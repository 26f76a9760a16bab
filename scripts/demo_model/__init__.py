"""The parts of make_demo_model.py: what the demo model is taught, its tokenizer, its training and its examination."""
