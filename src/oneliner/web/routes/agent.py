"""``/v1/agent``: chatting, and the conversations that come of it."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from oneliner.app import export, runs, session_deletion, sessions, steering
from oneliner.app.ports import Page
from oneliner.domain.errors import Forbidden, IllegalMove, NotFound, PolicyDenied, Purged, SessionBusy
from oneliner.web import shapes
from oneliner.web.answer import JsonAnswer, no_content
from oneliner.web.answer_schemas import Accepted, Listed, MessageAnswer, SessionAnswer
from oneliner.web.call import Incoming
from oneliner.web.description import described, downloads, streams
from oneliner.web.exports import MEDIA_TYPES, Download, Format
from oneliner.web.feeds import RunFeed
from oneliner.web.parameters import After, Before, Limit, Mine, Position, ProjectFilter, RunId, SearchText, SessionId
from oneliner.web.routing import Endpoint
from oneliner.web.schemas import ChatRequest, ResumeRequest, SessionEdit
from oneliner.web.sse import EventStream, cursor_of

router = APIRouter(prefix="/v1/agent", route_class=Endpoint)


@router.post(
    "/runs",
    status_code=202,
    response_model=Accepted,
    operation_id="startChat",
    tags=["chat"],
    summary="Say something to the agent",
    openapi_extra=described(ChatRequest, refuses=(NotFound, Forbidden, PolicyDenied, SessionBusy)),
)
async def start_chat(call: Incoming) -> Response:
    """Start a run that answers the message, in the given session or in a new one; or steer the one that is working."""
    body = await call.body(ChatRequest)
    said = steering.Said(body.message, body.session_id, body.project_id, body.multitask, body.executor)
    return await call.once(lambda tx: steering.say(tx, call.caller, said, call.services.roster), shapes.started, 202)


@router.get(
    "/runs/{run_id}/events",
    response_class=Response,
    responses=streams(),
    operation_id="streamChatRun",
    tags=["chat"],
    summary="Follow a run",
    openapi_extra=described(refuses=(NotFound,)),
)
async def stream_run(call: Incoming, run_id: RunId, after: After = 0) -> Response:
    """The run's events, from the start or from `Last-Event-ID`, until the run ends."""
    feed = RunFeed(call, run_id, cursor_of(call.request, after) or 0)
    return EventStream(feed, call.services.heartbeat_seconds)


@router.post(
    "/runs/{run_id}/resume",
    status_code=202,
    response_model=Accepted,
    operation_id="resumeChat",
    tags=["chat"],
    summary="Answer what a blocked run asks",
    openapi_extra=described(ResumeRequest, refuses=(NotFound, IllegalMove)),
)
async def resume_chat(call: Incoming, run_id: RunId) -> Response:
    """The run goes on with the answer, which fits the `schema` of its `blocked`."""
    body = await call.body(ResumeRequest)
    return await call.once(
        lambda tx: runs.resume(tx, call.caller, run_id, body.answer, body.reason),
        lambda run: shapes.accepted(run, created=False),
        202,
    )


@router.get(
    "/sessions",
    response_model=Listed[SessionAnswer],
    operation_id="listSessions",
    tags=["sessions"],
    summary="List sessions, newest first",
    openapi_extra=described(refuses=(Forbidden,)),
)
async def list_sessions(
    call: Incoming,
    limit: Limit = 20,
    before: Before = None,
    project_id: ProjectFilter = None,
    q: SearchText = None,
    mine: Mine = False,  # noqa: FBT002  # a query parameter: it comes by its name
    deleted: Annotated[  # noqa: FBT002
        bool, Query(description="Those instead that were deleted and can be restored (administrators).")
    ] = False,
) -> Response:
    """Conversations with their totals."""
    part = Page(limit + 1, before)
    found = await call.read(lambda tx: sessions.page(tx, call.caller, part, project_id, q, mine=mine, deleted=deleted))
    shown, cursor = shapes.page_of(found, limit, lambda s: s.id)
    return JsonAnswer(shapes.listed([shapes.session_to_json(s) for s in shown], cursor))


@router.get(
    "/sessions/{session_id}",
    response_model=SessionAnswer,
    operation_id="getSession",
    tags=["sessions"],
    summary="Read a session",
    openapi_extra=described(refuses=(NotFound,)),
)
async def get_session(call: Incoming, session_id: SessionId) -> Response:
    """One conversation with its totals, which equal the sums of its messages."""
    return JsonAnswer(shapes.session_to_json(await call.read(lambda tx: sessions.get(tx, call.caller, session_id))))


@router.get(
    "/sessions/{session_id}/messages",
    response_model=Listed[MessageAnswer],
    operation_id="listMessages",
    tags=["sessions"],
    summary="List the messages of a session, newest first",
    openapi_extra=described(refuses=(NotFound,)),
)
async def list_messages(
    call: Incoming,
    session_id: SessionId,
    limit: Annotated[int, Query(ge=1, le=100, description="At most this many items.")] = 50,
    before: Position = None,
) -> Response:
    """What was said, with tokens and cost of each model call."""
    part = Page(limit + 1, before)
    found = await call.read(lambda tx: sessions.messages(tx, call.caller, session_id, part))
    shown, cursor = shapes.page_of(found, limit, lambda m: str(m.position))
    return JsonAnswer(shapes.listed([shapes.message_to_json(m) for m in shown], cursor))


@router.get(
    "/sessions/{session_id}/export",
    response_class=Response,
    responses=downloads(MEDIA_TYPES.values()),
    operation_id="exportSession",
    tags=["data care"],
    summary="Export a session",
    openapi_extra=described(refuses=(NotFound,)),
)
async def export_session(
    call: Incoming,
    session_id: SessionId,
    written_as: Annotated[Format, Query(alias="format", description="Everything, or what there is to read.")] = (
        Format.JSONL
    ),
) -> Response:
    """All that is kept of it. JSON Lines: each has a `kind`, and the last is `{"kind": "end", "lines": …}`."""
    session = await call.write(lambda tx: export.begin_session(tx, call.caller, session_id))
    return Download(export.of_session(call.read, session), written_as, f"session-{session_id}")


@router.patch(
    "/sessions/{session_id}",
    response_model=SessionAnswer,
    operation_id="renameSession",
    tags=["sessions"],
    summary="Rename a session",
    openapi_extra=described(SessionEdit, refuses=(NotFound,)),
)
async def rename_session(call: Incoming, session_id: SessionId) -> Response:
    """It goes by the first line of the new title; the titles of its runs stay."""
    body = await call.body(SessionEdit)
    renamed = await call.write(lambda tx: sessions.rename(tx, call.caller, session_id, body.title))
    return JsonAnswer(shapes.session_to_json(renamed))


@router.delete(
    "/sessions/{session_id}",
    status_code=204,
    operation_id="deleteSession",
    tags=["sessions"],
    summary="Delete a session with its messages and runs",
    openapi_extra=described(refuses=(NotFound,)),
)
async def delete_session(call: Incoming, session_id: SessionId) -> Response:
    """Runs that have not ended are cancelled first. An administrator can restore it."""
    await call.write(lambda tx: session_deletion.delete(tx, call.caller, session_id))
    return no_content()


@router.post(
    "/sessions/{session_id}/restore",
    response_model=SessionAnswer,
    operation_id="restoreSession",
    tags=["sessions"],
    summary="Restore a deleted session (administrators)",
    openapi_extra=described(refuses=(NotFound, Forbidden, Purged)),
)
async def restore_session(call: Incoming, session_id: SessionId) -> Response:
    """The session comes back with its messages and runs, unless its content was purged meanwhile."""
    return await call.once(lambda tx: sessions.restore(tx, call.caller, session_id), shapes.session_to_json)
