"""The bus between processes, over Redis Streams. What is lost here costs a typing effect, never an event."""
