"""Examples: what a host of OneLiner writes itself."""
