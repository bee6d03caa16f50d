from __future__ import annotations

from tests.web.conftest import admin, front

__all__ = ["admin", "front"]
