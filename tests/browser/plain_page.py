"""The example of a host page, and beside it a page with the script's tag and nothing else."""

from __future__ import annotations

from examples.host_page.app import AGENT, app
from fastapi.responses import HTMLResponse

PLAIN = (
    '<!doctype html><html lang="en"><head><title>Plain</title>'
    f'<script src="{AGENT}/embed.js"></script></head><body><main><h1>Plain</h1></main></body></html>'
)
#: It may do nothing but load scripts from OneLiner and call it.
POLICY = f"default-src 'none'; script-src {AGENT}; connect-src {AGENT}; require-trusted-types-for 'script'"


@app.get("/plain")
async def plain() -> HTMLResponse:
    """The plain page."""
    return HTMLResponse(PLAIN, headers={"Content-Security-Policy": POLICY})
