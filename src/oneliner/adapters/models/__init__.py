"""Clients of language models: the port of ``oneliner.app.model``, twice, and the table of who is asked where."""
