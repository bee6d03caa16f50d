"""The schema's history: one chain for both dialects."""
