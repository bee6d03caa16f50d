"""``/v2/oneliner/schedules``: handoffs that are made at due times."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from oneliner.app import runs, schedules
from oneliner.app.ports import Page
from oneliner.domain.errors import Conflict, Forbidden, NotFound, PolicyDenied
from oneliner.web import shapes
from oneliner.web.answer import JsonAnswer, no_content
from oneliner.web.answer_schemas import FireAnswer, Listed, ScheduleAnswer
from oneliner.web.call import Incoming
from oneliner.web.description import described
from oneliner.web.parameters import Before, Limit, ProjectFilter, ScheduleId
from oneliner.web.routing import Endpoint
from oneliner.web.schemas import ScheduleRequest

router = APIRouter(prefix="/v2/oneliner/schedules", tags=["schedules"], route_class=Endpoint)


@router.post(
    "",
    response_model=ScheduleAnswer,
    operation_id="createSchedule",
    summary="Hand work over again and again",
    openapi_extra=described(ScheduleRequest, refuses=(Forbidden, PolicyDenied, Conflict)),
)
async def create_schedule(call: Incoming) -> Response:
    """A run at each due time. It waits for its confirmation, unless it was confirmed ahead and the rules allow that."""
    body = await call.body(ScheduleRequest)
    asked = body.handoff.model_dump(exclude={"plan_request"})
    plan = body.handoff.plan_request
    handoff = runs.Handoff(**asked, goal=plan.goal, steps=plan.steps, draft=plan.draft)
    return await call.once(
        lambda tx: schedules.create(
            tx, call.caller, handoff, body.cron, body.timezone, confirmed_ahead=body.confirmed_ahead
        ),
        shapes.schedule_to_json,
    )


@router.get(
    "",
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
    "/{schedule_id}",
    response_model=ScheduleAnswer,
    operation_id="getSchedule",
    summary="Read a schedule",
    openapi_extra=described(refuses=(NotFound,)),
)
async def get_schedule(call: Incoming, schedule_id: ScheduleId) -> Response:
    """One schedule with what it hands over and when it is due next."""
    found = await call.read(lambda tx: schedules.get(tx, call.caller, schedule_id))
    return JsonAnswer(shapes.schedule_to_json(found))


@router.get(
    "/{schedule_id}/fires",
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
    "/{schedule_id}/pause",
    response_model=ScheduleAnswer,
    operation_id="pauseSchedule",
    summary="Pause a schedule",
    openapi_extra=described(refuses=(NotFound,)),
)
async def pause_schedule(call: Incoming, schedule_id: ScheduleId) -> Response:
    """It fires no more until it is resumed."""
    return await call.once(lambda tx: schedules.pause(tx, call.caller, schedule_id), shapes.schedule_to_json)


@router.post(
    "/{schedule_id}/resume",
    response_model=ScheduleAnswer,
    operation_id="resumeSchedule",
    summary="Resume a paused schedule",
    openapi_extra=described(refuses=(NotFound,)),
)
async def resume_schedule(call: Incoming, schedule_id: ScheduleId) -> Response:
    """It fires again from now on; what was due meanwhile is not made up for."""
    return await call.once(lambda tx: schedules.resume(tx, call.caller, schedule_id), shapes.schedule_to_json)


@router.delete(
    "/{schedule_id}",
    status_code=204,
    operation_id="deleteSchedule",
    summary="Delete a schedule",
    openapi_extra=described(refuses=(NotFound,)),
)
async def delete_schedule(call: Incoming, schedule_id: ScheduleId) -> Response:
    """It is gone with its history; the runs it made stay."""
    await call.write(lambda tx: schedules.delete(tx, call.caller, schedule_id))
    return no_content()
