from __future__ import annotations

from tests.web.conftest import admin, ann, bob, front

__all__ = ["admin", "ann", "bob", "front"]
