"""The routes, by subject. An endpoint parses, calls one use case and shapes what comes back."""
