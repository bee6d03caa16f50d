"""The application: the routes, what they refuse with, and the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.middleware.cors import CORSMiddleware

from oneliner.web import problems
from oneliner.web.openapi import DESCRIPTION, SUMMARY, TAGS, TITLE, Api
from oneliner.web.reference import Reference
from oneliner.web.routes import (
    accounts,
    agent,
    audit,
    documents,
    executors,
    governance,
    mcp,
    pages,
    policy_history,
    retention,
    runs,
    schedules,
    system,
    usage,
    views,
    webhooks,
)
from oneliner.web.routing import add_routes
from oneliner.web.static_files import PageFiles

if TYPE_CHECKING:
    from fastapi import FastAPI

    from oneliner.web.services import Services

_ASKED_HEADERS = (
    "Authorization",
    "Content-Type",
    "Accept-Language",
    "Idempotency-Key",
    "Last-Event-ID",
    "If-None-Match",
    "X-Request-Id",
    "traceparent",
)
_TOLD_HEADERS = ("ETag", "Retry-After", "Idempotency-Replayed", "X-Request-Id")


def create_app(services: Services) -> FastAPI:
    """The front door of a server with these *services*."""
    app = Api(
        title=TITLE,
        summary=SUMMARY,
        description=DESCRIPTION,
        version=accounts.VERSION,
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    app.state.reference = Reference()
    app.state.files = PageFiles()
    problems.install(app)
    # The busiest first: routes are looked through in order.
    routers = (
        agent,
        runs,
        accounts,
        usage,
        documents,
        governance,
        policy_history,
        executors,
        mcp,
        schedules,
        audit,
        retention,
        views,
        webhooks,
        system,
        pages,
    )
    add_routes(app, [module.router for module in routers])
    if services.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(services.cors_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=list(_ASKED_HEADERS),
            expose_headers=list(_TOLD_HEADERS),
            max_age=600,
        )
    return app
