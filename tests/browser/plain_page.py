"""The example of a host page, and beside it a page with the script's tag and nothing else, and pages as a test wants them."""

from __future__ import annotations

import asyncio

from examples.host_page.app import AGENT, app
from fastapi import Request, Response
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


ODD: dict[str, str] = {}
SLOW_SECONDS = 1.0


@app.put("/odd/{name}", status_code=204)
async def put_odd(name: str, request: Request) -> None:
    """Keep a page; ``{agent}`` in it is where OneLiner is."""
    ODD[name] = (await request.body()).decode().replace("{agent}", AGENT)


@app.get("/odd/{name}")
async def odd(name: str) -> HTMLResponse:
    """The page that was kept, under no policy."""
    return HTMLResponse(ODD[name])


@app.get("/slow.js")
async def slow() -> Response:
    """A script that lets a page wait for its body."""
    await asyncio.sleep(SLOW_SECONDS)
    return Response("", media_type="text/javascript")
