"""The page, the reference of the API, and what operators ask: is it up, is it ready."""

from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from oneliner.domain.errors import Forbidden, Unauthenticated
from oneliner.web.answer import JsonAnswer
from oneliner.web.answer_schemas import Health, Readiness
from oneliner.web.call import services_of
from oneliner.web.description import described
from oneliner.web.headers import PAGE_POLICY, READING_POLICY, security_headers
from oneliner.web.localise import language_of
from oneliner.web.routing import Endpoint
from oneliner.web.static_files import PageFiles

router = APIRouter(route_class=Endpoint)

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: What proxies say of whom they ask for.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
_STYLE = Path(__file__).parents[1] / "reference.css"


@router.get("/", include_in_schema=False)
async def home(request: Request) -> Response:
    """The page."""
    language = language_of(request.headers.get("accept-language", ""))
    headers = {**security_headers(PAGE_POLICY), "Vary": "Accept-Encoding, Accept-Language"}
    return await _files(request).page(request, "index.html", language, headers)


@router.get("/static/{name:path}", include_in_schema=False)
@router.head("/static/{name:path}", include_in_schema=False)
async def static_file(request: Request, name: str) -> Response:
    """A file of the page."""
    return await _files(request).answer(request, name)


@router.get("/embed.js", include_in_schema=False)
async def embed(request: Request) -> Response:
    """The window for other sites' pages."""
    return await _files(request).script(request)


@router.get("/docs", include_in_schema=False)
async def reference(request: Request) -> Response:
    """The API, described for people."""
    return HTMLResponse(
        request.app.state.reference.html(request.app.openapi()), headers=dict(security_headers(READING_POLICY))
    )


@router.get("/docs/reference.css", include_in_schema=False)
async def reference_style() -> Response:
    """How it looks."""
    return FileResponse(_STYLE, headers={"Cache-Control": "no-cache"}, media_type="text/css")


@router.get("/problems/{code}", include_in_schema=False)
async def explain_problem(code: str) -> Response:
    """Where a problem's `type` leads: its line in the reference."""
    known = code if code.replace("_", "").isalpha() and code.isascii() else ""
    return RedirectResponse(f"/docs#problem-{known}")


@router.get(
    "/healthz",
    response_model=Health,
    operation_id="getHealth",
    tags=["operations"],
    summary="Whether the process takes requests",
    openapi_extra=described(public=True),
)
async def health() -> Response:
    """Says nothing about its parts; see `/readyz`."""
    return JsonAnswer({"status": "ok"})


@router.get(
    "/readyz",
    response_model=Readiness,
    responses={503: {"description": "Some part is not there", "model": Readiness}},
    operation_id="getReadiness",
    tags=["operations"],
    summary="Whether the parts the server needs are there",
    openapi_extra=described(public=True),
)
async def readiness(request: Request) -> Response:
    """200 when each part that is needed is `ok`, else 503. Without the `bus` a server still does its job."""
    report = await services_of(request).is_ready()
    return JsonAnswer({"ready": report.ready, "parts": dict(report.parts)}, 200 if report.ready else 503)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"description": "The figures", "content": {"text/plain": {"schema": {"type": "string"}}}}},
    operation_id="getMetrics",
    tags=["operations"],
    summary="The figures that Prometheus collects",
    openapi_extra=described(public=True, refuses=(Unauthenticated, Forbidden)),
)
async def metrics(request: Request) -> Response:
    """For whoever knows the token of `ONELINER_METRICS_TOKEN`; where none is set, for the server's own machine."""
    page = services_of(request).metrics
    asked = request.headers
    page.check(
        peer=request.client.host if request.client else "",
        authorization=asked.get("authorization", ""),
        is_forwarded=any(name in asked for name in _FORWARDED),
    )
    return Response(await page.page(), media_type=METRICS_TYPE)


def _files(request: Request) -> PageFiles:
    return request.app.state.files
