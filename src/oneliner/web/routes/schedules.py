"""``/v2/oneliner/schedules``: handoffs that are made at due times."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from oneliner.app import due_times, runs, schedules
from oneliner.app.ports import Page
from oneliner.domain.errors import Conflict, Forbidden, NotFound, PolicyDenied
from oneliner.domain.times import rfc3339
from oneliner.web import shapes
from oneliner.web.answer import JsonAnswer, no_content
from oneliner.web.answer_schemas import DueTimeAnswer, FireAnswer, Listed, ScheduleAnswer
from oneliner.web.call import Incoming
from oneliner.web.description import described
from oneliner.web.parameters import Before, Limit, ProjectFilter, ScheduleId, Text
from oneliner.web.routing import Endpoint
from oneliner.web.schemas import ScheduleRequest

router = APIRouter(prefix="/v2/oneliner", tags=["schedules"], route_class=Endpoint)

#: How many due times are told at most: to look ahead, not to fill a calendar.
MAX_DUE_TIMES = 50


@router.post(
    "/schedules",
    response_model=ScheduleAnswer,
    operation_id="createSchedule",
    summary="Hand work over again and again",
    openapi_extra=described(ScheduleRequest, refuses=(Forbidden, PolicyDenied, Conflict)),
)
async def create_schedule(call: Incoming) -> Response:
    """A run at each due time. It waits for its confirmation, unless it was confirmed ahead and the rules allow that."""
    body = await call.body(ScheduleRequest)
    call.services.roster.find(body.handoff.executor)
    return await call.once(
        lambda tx: schedules.create(
            tx, call.caller, _handoff(body), body.cron, body.timezone, confirmed_ahead=body.confirmed_ahead
        ),
        shapes.schedule_to_json,
    )


@router.get(
    "/schedules",
    response_model=Listed[ScheduleAnswer],
    operation_id="listSchedules",
    summary="List schedules, newest first",
    openapi_extra=described(),
)
async def list_schedules(
    call: Incoming, limit: Limit = 20, before: Before = None, project_id: ProjectFilter = None
) -> Response:
    """The caller's schedules; an administrator sees everybody's."""
    part = Page(limit + 1, before)
    found = await call.read(lambda tx: schedules.page(tx, call.caller, part, project_id))
    shown, cursor = shapes.page_of(found, limit, lambda s: s.id)
    return JsonAnswer(shapes.listed([shapes.schedule_to_json(s) for s in shown], cursor))


@router.get(
    "/due-times",
    response_model=Listed[DueTimeAnswer],
    operation_id="listDueTimes",
    summary="Say when a cron expression is due",
    openapi_extra=described(),
)
async def list_due_times(
    call: Incoming,
    cron: Annotated[Text, Query(min_length=1, max_length=200, examples=["0 9 * * MON-FRI"])],
    timezone: Annotated[Text, Query(min_length=1, max_length=64)] = "UTC",
    count: Annotated[int, Query(ge=1, le=MAX_DUE_TIMES, description="How many.")] = 5,
) -> Response:
    """The next times, before a schedule is made of it. Nothing is stored."""
    found = await call.read(lambda tx: due_times.upcoming(cron, timezone, tx.now_ms, count))
    return JsonAnswer(shapes.listed([{"due_at": rfc3339(due)} for due in found]))


@router.get(
    "/schedules/{schedule_id}",
    response_model=ScheduleAnswer,
    operation_id="getSchedule",
    summary="Read a schedule",
    openapi_extra=described(refuses=(NotFound,)),
)
async def get_schedule(call: Incoming, schedule_id: ScheduleId) -> Response:
    """One schedule with what it hands over and when it is due next."""
    found = await call.read(lambda tx: schedules.get(tx, call.caller, schedule_id))
    return JsonAnswer(shapes.schedule_to_json(found))


@router.put(
    "/schedules/{schedule_id}",
    response_model=ScheduleAnswer,
    operation_id="putSchedule",
    summary="Change a schedule",
    openapi_extra=described(ScheduleRequest, refuses=(NotFound, Forbidden, PolicyDenied)),
)
async def put_schedule(call: Incoming, schedule_id: ScheduleId) -> Response:
    """Its owner says anew what is handed over, and when. A paused schedule stays paused; the runs it made stay as they
    are.
    """
    body = await call.body(ScheduleRequest)
    call.services.roster.find(body.handoff.executor)
    changed = await call.write(
        lambda tx: schedules.change(
            tx, call.caller, schedule_id, _handoff(body), body.cron, body.timezone, confirmed_ahead=body.confirmed_ahead
        )
    )
    return JsonAnswer(shapes.schedule_to_json(changed))


@router.get(
    "/schedules/{schedule_id}/fires",
    response_model=Listed[FireAnswer],
    operation_id="listFires",
    summary="List the due times of a schedule that were taken care of",
    openapi_extra=described(refuses=(NotFound,)),
)
async def list_fires(
    call: Incoming,
    schedule_id: ScheduleId,
    limit: Limit = 20,
    before: Annotated[
        int | None, Query(ge=0, le=2**53, description="The `next_cursor` of the page before this one.")
    ] = None,
) -> Response:
    """Newest first, each with the run it made."""
    found = await call.read(lambda tx: schedules.fires(tx, call.caller, schedule_id, limit + 1, before))
    shown, cursor = shapes.page_of(found, limit, lambda f: str(f.due_at))
    return JsonAnswer(shapes.listed([shapes.fire_to_json(f) for f in shown], cursor))


@router.post(
    "/schedules/{schedule_id}/pause",
    response_model=ScheduleAnswer,
    operation_id="pauseSchedule",
    summary="Pause a schedule",
    openapi_extra=described(refuses=(NotFound,)),
)
async def pause_schedule(call: Incoming, schedule_id: ScheduleId) -> Response:
    """It fires no more until it is resumed."""
    return await call.once(lambda tx: schedules.pause(tx, call.caller, schedule_id), shapes.schedule_to_json)


@router.post(
    "/schedules/{schedule_id}/resume",
    response_model=ScheduleAnswer,
    operation_id="resumeSchedule",
    summary="Resume a paused schedule",
    openapi_extra=described(refuses=(NotFound,)),
)
async def resume_schedule(call: Incoming, schedule_id: ScheduleId) -> Response:
    """It fires again from now on; what was due meanwhile is not made up for."""
    return await call.once(lambda tx: schedules.resume(tx, call.caller, schedule_id), shapes.schedule_to_json)


@router.delete(
    "/schedules/{schedule_id}",
    status_code=204,
    operation_id="deleteSchedule",
    summary="Delete a schedule",
    openapi_extra=described(refuses=(NotFound,)),
)
async def delete_schedule(call: Incoming, schedule_id: ScheduleId) -> Response:
    """It is gone with its history; the runs it made stay."""
    await call.write(lambda tx: schedules.delete(tx, call.caller, schedule_id))
    return no_content()


def _handoff(body: ScheduleRequest) -> runs.Handoff:
    asked = body.handoff.model_dump(exclude={"plan_request"})
    return runs.Handoff(**asked, **body.handoff.plan_request.model_dump())
