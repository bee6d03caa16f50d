"""A product that already has users and pages, with the agent's window on each of them.

    export ONELINER_JWT_SECRET=$(openssl rand -base64 48)
    uv run oneliner serve --port 8700 --cors-origins http://127.0.0.1:8800
    ONELINER_URL=http://127.0.0.1:8700 uv run uvicorn examples.host_page.app:app --port 8800

Two things make it so: a page with one script tag, and a route that gives the person who is signed in here a token for
the agent. Here everybody is ``ann``; your own product knows better.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import jwt
from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse

AGENT = os.environ.get("ONELINER_URL", "http://127.0.0.1:8700")
SECRET = os.environ["ONELINER_JWT_SECRET"]
ISSUER = os.environ.get("ONELINER_JWT_ISSUER", "oneliner")
AUDIENCE = os.environ.get("ONELINER_JWT_AUDIENCE", "oneliner")
HERE = Path(__file__).parent
TOKEN_SECONDS = 600

#: All that the window needs of a page's policy: scripts from the agent, and calls to it.
POLICY = (
    f"default-src 'none'; script-src 'self' {AGENT}; style-src 'self'; connect-src 'self' {AGENT}; "
    "require-trusted-types-for 'script'"
)

app = FastAPI(openapi_url=None)


@app.get("/")
async def page() -> HTMLResponse:
    """The page, under a strict policy."""
    text = (HERE / "page.html").read_text("utf-8").replace("{agent}", AGENT)
    return HTMLResponse(text, headers={"Content-Security-Policy": POLICY})


@app.get("/favicon.ico", status_code=204)
async def icon() -> None:
    """None; browsers ask for it all the same."""


@app.get("/page.js")
async def script() -> FileResponse:
    """What the page itself does."""
    return FileResponse(HERE / "page.js", media_type="text/javascript")


@app.get("/page.css")
async def style() -> FileResponse:
    """How the page itself looks."""
    return FileResponse(HERE / "page.css", media_type="text/css")


@app.get("/agent-token")
async def agent_token(user: str = "ann") -> dict[str, str]:
    """A short-lived token for whoever is signed in to this product."""
    now = int(time.time())
    claims = {"sub": user, "name": user.title(), "role": "member", "iss": ISSUER, "aud": AUDIENCE}
    return {"token": jwt.encode({**claims, "iat": now, "exp": now + TOKEN_SECONDS}, SECRET, algorithm="HS256")}
