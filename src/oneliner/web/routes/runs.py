"""``/v2/oneliner/runs``: handing work over, confirming it, and watching it."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from oneliner.app import documents, run_views, runs, sessions, trial
from oneliner.app.ports import Page, RunFilter, Transaction
from oneliner.app.run_views import Shown, shown
from oneliner.domain.errors import Forbidden, IllegalMove, NotFound, PlanChanged, PolicyDenied
from oneliner.domain.event import EventType
from oneliner.domain.run import Run, RunStatus
from oneliner.domain.tool_rules_json import outlook_to_json
from oneliner.web import shapes
from oneliner.web.answer import JsonAnswer
from oneliner.web.answer_schemas import DocumentUseAnswer, EventAnswer, Listed, MessageAnswer, RunAnswer
from oneliner.web.call import Call, Incoming
from oneliner.web.description import described, streams
from oneliner.web.feeds import RunFeed, UserFeed
from oneliner.web.parameters import (
    MAX_SEQ,
    After,
    Before,
    Limit,
    Mine,
    Position,
    ProjectFilter,
    RunId,
    SearchText,
    Text,
)
from oneliner.web.routing import Endpoint
from oneliner.web.schemas import (
    ConfirmRequest,
    HandoffRequest,
    MoveRequest,
    PlanEdit,
    ResumeRequest,
    RetryRequest,
    ReviseRequest,
)
from oneliner.web.sse import EventStream, cursor_of, wants_stream
from oneliner.web.trial_schemas import OutlookAnswer

router = APIRouter(prefix="/v2/oneliner", tags=["runs"], route_class=Endpoint)


def _shown(call: Call, tx: Transaction, run: Run) -> Shown:
    models, roster = call.services.models, call.services.roster
    return shown(tx, run, models.price(roster.model_of(run.executor) or models.default))


def _shape(call: Call) -> Callable[[Shown], object]:
    language = call.language
    return lambda found: shapes.run_to_json(found, language)


@router.post(
    "/runs",
    response_model=RunAnswer,
    operation_id="createRun",
    summary="Hand work over to the agent",
    openapi_extra=described(HandoffRequest, refuses=(NotFound, Forbidden, PolicyDenied)),
)
async def create_run(call: Incoming) -> Response:
    """The run waits for its confirmation; with `plan_request.draft` the agent drafts the plan first."""
    body = await call.body(HandoffRequest)
    asked = body.model_dump(exclude={"plan_request"})
    call.services.roster.find(body.executor)
    handoff = runs.Handoff(**asked, **body.plan_request.model_dump())
    return await call.once(lambda tx: _shown(call, tx, runs.hand_off(tx, call.caller, handoff).run), _shape(call))


@router.get(
    "/runs",
    response_model=Listed[RunAnswer],
    operation_id="listRuns",
    summary="List runs, newest first",
    openapi_extra=described(),
)
async def list_runs(
    call: Incoming,
    limit: Limit = 20,
    before: Before = None,
    project_id: ProjectFilter = None,
    session_id: Annotated[Text | None, Query(max_length=64, description="Only of one session.")] = None,
    status: Annotated[list[RunStatus] | None, Query(description="Only in one of these states.")] = None,
    q: SearchText = None,
    mine: Mine = False,  # noqa: FBT002  # a query parameter: it comes by its name
) -> Response:
    """The caller's runs; an administrator sees everybody's."""
    only = RunFilter(project_id, session_id, frozenset(status) if status else None, q)
    part = Page(limit + 1, before)
    found = await call.read(
        lambda tx: [_shown(call, tx, run) for run in run_views.page(tx, call.caller, part, only, mine=mine)]
    )
    listed, cursor = shapes.page_of(found, limit, lambda one: one.run.id)
    shape = _shape(call)
    return JsonAnswer(shapes.listed([shape(one) for one in listed], cursor))


@router.get(
    "/runs/{run_id}",
    response_model=RunAnswer,
    operation_id="getRun",
    summary="Read a run",
    openapi_extra=described(refuses=(NotFound,)),
)
async def get_run(call: Incoming, run_id: RunId) -> Response:
    """One run with its plan, result, usage and governance snapshot."""
    found = await call.read(lambda tx: _shown(call, tx, run_views.get(tx, call.caller, run_id)))
    return JsonAnswer(_shape(call)(found))


@router.get(
    "/runs/{run_id}/events",
    response_model=Listed[EventAnswer],
    responses=streams(beside_json=True),
    operation_id="listRunEvents",
    summary="Read or follow the events of a run",
    openapi_extra=described(refuses=(NotFound,)),
)
async def list_events(
    call: Incoming,
    run_id: RunId,
    after: After = 0,
    limit: Annotated[int, Query(ge=1, le=500, description="At most this many items; not for the stream.")] = 100,
    event_type: Annotated[list[EventType] | None, Query(description="Only of these types; not for the stream.")] = None,
    newest: Annotated[  # noqa: FBT002  # a query parameter: it comes by its name
        bool, Query(description="The last `limit` of them instead of the first; not for the stream.")
    ] = False,
) -> Response:
    """A page, oldest first, whose `next_cursor` is the next `after`; or the stream when the client accepts it."""
    if wants_stream(call.request):
        feed = RunFeed(call, run_id, cursor_of(call.request, after) or 0)
        return EventStream(feed, call.services.heartbeat_seconds)
    types = frozenset(event_type) if event_type else None
    found = await call.read(
        lambda tx: run_views.some_events(tx, call.caller, run_id, types, after, limit + (not newest), newest=newest)
    )
    shown, cursor = shapes.page_of(found, limit, lambda e: str(e.seq))
    return JsonAnswer(shapes.listed([shapes.event_to_json(e) for e in shown], cursor))


@router.get(
    "/runs/{run_id}/messages",
    response_model=Listed[MessageAnswer],
    operation_id="listRunMessages",
    summary="List the messages of a run, newest first",
    openapi_extra=described(refuses=(NotFound,)),
)
async def list_run_messages(call: Incoming, run_id: RunId, limit: Limit = 50, before: Position = None) -> Response:
    """What was said in it, with tokens and cost of each model call; the rest of its session is not looked at."""
    part = Page(limit + 1, before)
    found = await call.read(lambda tx: sessions.messages_of_run(tx, call.caller, run_id, part))
    listed, cursor = shapes.page_of(found, limit, lambda m: str(m.position))
    return JsonAnswer(shapes.listed([shapes.message_to_json(m) for m in listed], cursor))


@router.get(
    "/runs/{run_id}/documents",
    response_model=Listed[DocumentUseAnswer],
    operation_id="listRunDocuments",
    summary="List the versions of documents that a run read and wrote",
    openapi_extra=described(refuses=(NotFound,)),
)
async def list_run_documents(call: Incoming, run_id: RunId) -> Response:
    """In the order in which the run first did; at most 500."""
    found = await call.read(lambda tx: documents.of_run(tx, call.caller, run_id))
    return JsonAnswer(shapes.listed([shapes.use_to_json(use) for use in found]))


@router.get(
    "/runs/{run_id}/tools",
    response_model=Listed[OutlookAnswer],
    operation_id="listRunTools",
    summary="List what the rules can say about each tool in this run",
    openapi_extra=described(refuses=(NotFound,)),
)
async def list_run_tools(call: Incoming, run_id: RunId) -> Response:
    """Before anything is called: every call is judged with its arguments when it is about to begin."""
    specs = call.services.tools.specs()
    found = await call.read(lambda tx: trial.outlooks(tx, call.caller, run_id, specs))
    return JsonAnswer(shapes.listed([outlook_to_json(one) for one in found]))


@router.post(
    "/runs/{run_id}/confirm",
    response_model=RunAnswer,
    operation_id="confirmRun",
    summary="Confirm a run",
    openapi_extra=described(ConfirmRequest, may_be_empty=True, refuses=(NotFound, IllegalMove, PlanChanged)),
)
async def confirm_run(call: Incoming, run_id: RunId) -> Response:
    """Let it go, for the plan with revision `plan_rev`; refused when the plan has changed since."""
    body = await call.body(ConfirmRequest)
    return await call.once(
        lambda tx: _shown(call, tx, runs.confirm(tx, call.caller, run_id, body.plan_rev, body.reason)), _shape(call)
    )


@router.post(
    "/runs/{run_id}/cancel",
    response_model=RunAnswer,
    operation_id="cancelRun",
    summary="Cancel a run",
    openapi_extra=described(MoveRequest, may_be_empty=True, refuses=(NotFound, IllegalMove)),
)
async def cancel_run(call: Incoming, run_id: RunId) -> Response:
    """Stop it for good, in whatever state it is that is not an end."""
    body = await call.body(MoveRequest)
    return await call.once(lambda tx: _shown(call, tx, runs.cancel(tx, call.caller, run_id, body.reason)), _shape(call))


@router.post(
    "/runs/{run_id}/resume",
    response_model=RunAnswer,
    operation_id="resumeRun",
    summary="Answer what a blocked run asks",
    openapi_extra=described(ResumeRequest, refuses=(NotFound, IllegalMove, Forbidden)),
)
async def resume_run(call: Incoming, run_id: RunId) -> Response:
    """The run goes on with the answer, which fits the `schema` of its `blocked`. More money is given by who may."""
    body = await call.body(ResumeRequest)
    return await call.once(
        lambda tx: _shown(call, tx, runs.resume(tx, call.caller, run_id, body.answer, body.reason)), _shape(call)
    )


@router.post(
    "/runs/{run_id}/retry",
    response_model=RunAnswer,
    operation_id="retryRun",
    summary="Try a failed run again",
    openapi_extra=described(RetryRequest, may_be_empty=True, refuses=(NotFound, IllegalMove, Forbidden)),
)
async def retry_run(call: Incoming, run_id: RunId) -> Response:
    """It goes on from its last checkpoint. A draft that has met a budget can be given more by who may."""
    body = await call.body(RetryRequest)
    return await call.once(
        lambda tx: _shown(call, tx, runs.retry(tx, call.caller, run_id, body.reason, body.more)), _shape(call)
    )


@router.post(
    "/runs/{run_id}/plan/revise",
    response_model=RunAnswer,
    operation_id="revisePlan",
    summary="Ask for another plan, in words",
    openapi_extra=described(ReviseRequest, refuses=(NotFound, IllegalMove, PlanChanged)),
)
async def revise_plan(call: Incoming, run_id: RunId) -> Response:
    """The agent drafts the plan again, following the instruction."""
    body = await call.body(ReviseRequest)
    return await call.once(
        lambda tx: _shown(call, tx, runs.revise(tx, call.caller, run_id, body.instruction, body.plan_rev)), _shape(call)
    )


@router.patch(
    "/runs/{run_id}/plan",
    response_model=RunAnswer,
    operation_id="editPlan",
    summary="Edit the plan before confirming it",
    openapi_extra=described(PlanEdit, refuses=(NotFound, IllegalMove, PlanChanged)),
)
async def edit_plan(call: Incoming, run_id: RunId) -> Response:
    """The plan gets exactly these steps, in this order; refused when it has changed since `plan_rev`."""
    body = await call.body(PlanEdit)
    steps = None if body.steps is None else [(s.id, s.title) for s in body.steps]
    found = await call.write(
        lambda tx: _shown(call, tx, runs.edit_plan(tx, call.caller, run_id, body.plan_rev, body.goal, steps))
    )
    return JsonAnswer(_shape(call)(found))


@router.get(
    "/stream",
    response_class=Response,
    responses=streams(),
    operation_id="streamMine",
    summary="Follow all of the caller's runs",
    openapi_extra=described(),
)
async def stream_mine(
    call: Incoming,
    project_id: ProjectFilter = None,
    after: Annotated[
        int | None, Query(ge=0, le=MAX_SEQ, description="Resume here; see `event_cursor` of `/v2/oneliner/me`.")
    ] = None,
) -> Response:
    """One stream for everything; from now on, or from `Last-Event-ID` or `after`."""
    feed = UserFeed(call, project_id, cursor_of(call.request, after))
    return EventStream(feed, call.services.heartbeat_seconds)
