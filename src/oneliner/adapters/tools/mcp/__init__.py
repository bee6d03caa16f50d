"""Tools of MCP servers. Nothing here but ``connection`` and ``contents`` imports the ``mcp`` package, and those two are
imported when the first server is configured.
"""
