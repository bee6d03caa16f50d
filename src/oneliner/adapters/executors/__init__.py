"""Executors as a deployment declares them: in Python, and in a file."""
