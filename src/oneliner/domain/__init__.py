"""The domain: pure, without I/O, a clock or randomness."""
