"""A product with the window of OneLiner on its page."""
