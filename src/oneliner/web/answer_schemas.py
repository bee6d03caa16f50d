"""What answers look like, for the API's description.

Nothing is validated with these while serving; a test holds them to what ``shapes`` really makes.
"""

from __future__ import annotations

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from oneliner.domain.budget import Budget
from oneliner.domain.document import Access
from oneliner.domain.estimate import Basis
from oneliner.domain.message import MessageState, Purpose, Role
from oneliner.domain.plan import StepStatus
from oneliner.domain.policy import Confirmation, LayerName
from oneliner.domain.run import Reason, RunStatus
from oneliner.domain.schedule import FireOutcome
from oneliner.domain.user import Authority, UserStatus
from oneliner.web.tool_rule_schemas import LayerToolRules, ToolRules

ItemT = TypeVar("ItemT")
ValueT = TypeVar("ValueT")

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-03-05T08:15:30.250Z"])]
Money = Annotated[str, Field(pattern=r"^-?[0-9]+\.[0-9]{6,9}$", description="USD.", examples=["0.000123"])]
Uuid = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
Details = Annotated[dict[str, JsonValue], Field(description="Codes and figures; which ones depends on the type.")]


class Answer(BaseModel):
    """What all answers share."""

    model_config = ConfigDict(extra="forbid")


class Listed(Answer, Generic[ItemT]):
    """A page of a list. `next_cursor` is null at its end."""

    items: list[ItemT]
    next_cursor: str | None


class Accepted(Answer):
    """A run that was accepted. `task_id` is its id."""

    task_id: Uuid
    run_id: Uuid
    session_id: Uuid
    created: Annotated[bool, Field(description="Whether the session was created with it.")]
    steered: Annotated[bool, Field(description="Whether the message went to this run while it was working already.")]
    run_status: RunStatus


class StepAnswer(Answer):
    """A step of a plan."""

    id: str
    title: str
    status: StepStatus
    note: str


class PlanAnswer(Answer):
    """The plan of a run. `awaits_draft`: the agent still has to draft it, following `instruction`."""

    rev: int
    goal: str
    steps: list[StepAnswer]
    awaits_draft: bool
    instruction: str


class Progress(Answer):
    """How far a plan is; `active_step` is the id of the step that is being worked on."""

    done: int
    total: int
    active_step: str | None


class QueuePlace(Answer):
    """Why a queued run waits: `position` runs are ahead of it in its lane; or for a worker. Null when not queued."""

    position: int | None
    waits_for: Literal["lane", "worker"] | None


class UsageAnswer(Answer):
    """Tokens and money. `cost` is null when no price is known; `estimated`: some tokens were counted by the server."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int
    total_tokens: int
    cost: Money | None
    estimated: bool
    unpriced_messages: int


class BudgetStanding(Answer):
    """Where a budget stands. `day` (UTC) is null for the budget of a run; `left` is what may still be reserved."""

    budget: Budget
    limit: Money
    granted: Annotated[Money, Field(description="Given on top of the limit.")]
    used: Money
    reserved: Annotated[Money, Field(description="What calls under way may cost.")]
    left: Money
    day: Annotated[str, Field(examples=["2026-03-05"])] | None
    decided_by: LayerName


class EstimateAnswer(Answer):
    """What a run will probably use: an estimate from earlier runs (`history`) or by a rule of thumb (`plan`)."""

    basis: Basis
    sample_count: int
    model_calls: int
    input_tokens: int
    output_tokens: int
    cost: Money | None


class RunUsage(UsageAnswer):
    """What a run used, where its budgets stand, and, until it is confirmed, what it will probably use."""

    budgets: list[BudgetStanding]
    estimate: EstimateAnswer | None


class Notice(Answer):
    """The notice of an admin override that is live."""

    notice: str
    expires_at: Time | None
    set_by: str


class Said(Answer, Generic[ValueT]):
    """What a layer says about a field."""

    layer: LayerName
    value: ValueT


class Decided(Answer, Generic[ValueT]):
    """The value of a field, the layer that decided it, and what the others said."""

    value: ValueT
    decided_by: LayerName
    others: list[Said[ValueT]]


class Policy(Answer):
    """What the layers add up to. A model must match each of the lists in `allowed_models`."""

    confirmation: Decided[Confirmation]
    allowed_models: Decided[list[list[str]] | None]
    max_steps: Decided[int | None]
    max_seconds: Decided[int | None]
    max_output_tokens: Decided[int | None]
    max_tool_calls: Decided[int | None]
    tools: Decided[list[LayerToolRules]]
    approval_seconds: Decided[int | None]
    approvals: Decided[list[str]]
    schedule_confirmation: Decided[Confirmation]
    run_budget: Decided[Money | None]
    user_day_budget: Decided[Money | None]
    project_day_budget: Decided[Money | None]
    day_budget: Decided[Money | None]


class RulesAnswer(Answer):
    """What a layer says; a field that is not there says nothing."""

    confirmation: Confirmation | None = None
    allowed_models: list[str] | None = None
    max_steps: int | None = None
    max_seconds: int | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    tools: ToolRules | None = None
    approval_seconds: int | None = None
    approvals: list[str] | None = None
    schedule_confirmation: Confirmation | None = None
    run_budget: Money | None = None
    user_day_budget: Money | None = None
    project_day_budget: Money | None = None
    day_budget: Money | None = None


class SnapshotLayer(Answer):
    """A layer as it was when a run was created."""

    layer: LayerName
    scope_key: str
    version: int
    rules: RulesAnswer


class Snapshot(Answer):
    """What a run was promised when it was created."""

    project_id: str
    platform: str
    effective_policy: Policy
    layers: list[SnapshotLayer]
    active_admin_override_notice: Notice | None


class RunAnswer(Answer):
    """A run with all that a page needs."""

    id: Uuid
    session_id: Uuid
    user_id: str
    project_id: str
    source_type: Literal["chat", "handoff"]
    source_screen: str
    source_action_key: str
    title: str
    summary: str
    intent_key: str
    platform: str
    platform_scope: str
    delivery_mode: str
    run_status: RunStatus
    reason: Reason
    status_summary: Annotated[str, Field(description="What it is doing, in the language of `Accept-Language`.")]
    allowed_actions: list[Literal["edit_plan", "confirm", "revise", "resume", "retry", "cancel"]]
    scheduling_mode: str
    executor: Annotated[str, Field(description="Who carries it out.")]
    active_executor_key: Annotated[
        str, Field(description="Who is at work now: the `executor`, or one that it has asked; empty before the first.")
    ]
    plan: PlanAnswer
    progress: Progress
    result: dict[str, JsonValue]
    queue: QueuePlace
    needs_user_input: bool
    blocked_reason: str
    blocked: Annotated[
        dict[str, JsonValue] | None, Field(description="What is asked; `schema` is a JSON Schema for the answer.")
    ]
    usage: RunUsage
    governance_snapshot: Snapshot
    active_admin_override_notice: Notice | None
    last_seq: int
    created_at: Time
    updated_at: Time
    started_at: Time | None
    finished_at: Time | None


class EventAnswer(Answer):
    """One durable line of a run's history."""

    id: Uuid
    run_id: Uuid
    seq: int
    event_type: str
    summary: str
    details: Details
    created_at: Time


class EventFrame(Answer):
    """A run event on a stream; its `id:` is the cursor to resume from."""

    type: Annotated[str, Field(examples=["run.started"])]
    seq: int
    run_id: Uuid
    session_id: Uuid
    at: Time
    summary: str
    details: Details


class DeltaFrame(Answer):
    """A piece of a message that is being written; live only."""

    type: Literal["message.delta"]
    run_id: Uuid
    session_id: Uuid
    message_id: Uuid
    offset: Annotated[int, Field(description="Where the text stands in the message, in Unicode code points.")]
    text: str


class SnapshotFrame(Answer):
    """All of a message that is being written, up to now; live only."""

    type: Literal["message.snapshot"]
    run_id: Uuid
    session_id: Uuid
    message_id: Uuid
    text: str


class SessionAnswer(Answer):
    """A session with its totals. `deleted_at` is null unless it is listed as one that can be restored."""

    id: Uuid
    user_id: str
    project_id: str
    title: str
    total_tokens: int
    total_cost: Money | None
    message_count: int
    created_at: Time
    updated_at: Time
    deleted_at: Time | None


class AskedCallAnswer(Answer):
    """A tool call as the model wrote it; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


class MessageAnswer(Answer):
    """One turn in a session, with its bill."""

    id: Uuid
    session_id: Uuid
    run_id: str
    position: int
    role: Role
    state: MessageState
    purpose: Purpose
    content: str
    tool_calls: list[AskedCallAnswer]
    tool_call_id: str
    model: str
    executor: str
    scope: Annotated[
        str, Field(description="Empty for the conversation with the user; else the tool call that delegated the work.")
    ]
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost: Money | None
    estimated: bool
    created_at: Time


class LayerAnswer(Answer):
    """One version of a policy layer. `notice` and `expires_at` belong to an admin override."""

    layer: LayerName
    scope_key: str
    version: int
    rules: RulesAnswer
    notice: str
    expires_at: Time | None
    updated_by: str
    updated_at: Time | None


class GovernanceAnswer(Answer):
    """What applies to the caller in a project on a platform, and who set it."""

    project_id: str
    platform: str
    effective_policy: Policy
    layers: list[LayerAnswer]
    active_admin_override_notice: Notice | None


class BillLine(UsageAnswer):
    """One line of the bill; `key` is the date, or the id or name of what it is for (empty: none).

    By tool, a call of the model is shared by the tools that its answer called, and `tool_calls` counts their calls.
    """

    key: str
    message_count: int
    tool_calls: int | None


class Bill(Listed[BillLine]):
    """The bill between two times, the greatest key first. `total` is the sum of all lines; its key is empty."""

    group_by: str
    since: Time
    until: Time
    total: BillLine


class ScheduleAnswer(Answer):
    """A schedule. `next_due_at` is null while it is paused, and when nothing is due any more."""

    id: Uuid
    user_id: str
    project_id: str
    title: str
    cron: str
    timezone: str
    handoff: Annotated[dict[str, JsonValue], Field(description="What is handed over at each due time.")]
    confirmed_ahead: bool
    paused: bool
    next_due_at: Time | None
    created_at: Time
    updated_at: Time


class DueTimeAnswer(Answer):
    """A time at which a cron expression is due."""

    due_at: Time


class FireAnswer(Answer):
    """A due time that was taken care of, and the run it made (null: its user may not work).

    `first_due_at` is earlier where the fire also stands for times that were missed.
    """

    due_at: Time
    first_due_at: Time
    fired_at: Time
    outcome: FireOutcome
    run_id: Uuid | None


class DocumentAnswer(Answer):
    """A document; `version` is its newest."""

    id: Uuid
    user_id: str
    project_id: str
    path: str
    title: str
    version: int
    created_at: Time
    updated_at: Time


class DocumentText(DocumentAnswer):
    """A document with the text of one version. `run_id` is empty for a person's write."""

    content: str
    content_version: int
    author: str
    run_id: str


class DocumentVersionAnswer(Answer):
    """One version of a document, without its text."""

    document_id: Uuid
    version: int
    chars: int
    author: str
    run_id: str
    created_at: Time


class DocumentHit(DocumentAnswer):
    """A document that was found, with the text around the place."""

    excerpt: str


class DocumentUseAnswer(Answer):
    """A version of a document that a run read or wrote, and when it first did."""

    document_id: Uuid
    path: str
    title: str
    version: int
    access: Access
    created_at: Time


class UserAnswer(Answer):
    """A user."""

    id: str
    name: str
    status: UserStatus
    created_at: Time


class ViewAnswer(Answer):
    """A saved view: filters of the list of runs under a name."""

    name: str
    query: Annotated[str, Field(description="What stands in the address of the list.", examples=["status=failed"])]
    created_at: Time
    updated_at: Time


class Me(Answer):
    """Who is calling, and what this server is. `event_cursor`: resume the stream of all runs from here (`after`)."""

    user: UserAnswer
    role: Authority
    projects: list[str] | None
    demo: bool
    default_model: str
    version: str
    event_cursor: int


class SignedIn(Answer):
    """A token, and until when it is good."""

    token: str
    expires_at: Time


class Health(Answer):
    """The process takes requests."""

    status: Literal["ok"]


class Readiness(Answer):
    """Whether each part the server needs is there: `ok`, or what is wrong with it."""

    ready: bool
    parts: dict[str, str]
