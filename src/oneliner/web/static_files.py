"""The page's files, as they lie in the package: no build, revalidated by ETag at every load."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    import os

    from starlette.responses import Response
    from starlette.types import Scope

FOLDER = Path(__file__).parent / "static"

# The system's own table of types is not asked: on some machines it serves modules as text/plain, and none would load.
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}


class PageFiles(StaticFiles):
    """Static files with fixed types."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """One file, or 304 when the browser has it."""
        answer = super().file_response(full_path, stat_result, scope, status_code)
        answer.headers["content-type"] = _TYPES.get(Path(full_path).suffix, "application/octet-stream")
        answer.headers["x-content-type-options"] = "nosniff"
        answer.headers["cache-control"] = "no-cache"
        # Another site may embed the widget's script; what it may call is decided by CORS and the token.
        answer.headers["cross-origin-resource-policy"] = "cross-origin"
        return answer


def page(name: str, headers: dict[str, str]) -> FileResponse:
    """The page *name* of the folder."""
    return FileResponse(FOLDER / name, headers=headers, media_type="text/html")
