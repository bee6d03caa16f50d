"""The commands of ``oneliner``, and the client that lives in the terminal."""
