"""Use cases: each is one function and at most one transaction, and sees the outside through ports."""
