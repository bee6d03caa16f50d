"""What the API takes and answers, as types.

Written by scripts/client-code from the API's description.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

Access: TypeAlias = Literal["read", "write"]


Action: TypeAlias = Literal[
    "policy.layer_set",
    "policy.layer_restored",
    "approval.given",
    "approval.revoked",
    "policy.override_set",
    "policy.override_ended",
    "user.status_set",
    "session.renamed",
    "session.deleted",
    "session.restored",
    "user.erased",
    "user.exported",
    "session.exported",
    "session.expired",
    "session.purged",
    "run.plan_edited",
    "run.revision_requested",
    "run.confirmed",
    "run.answered",
    "run.retried",
    "run.cancelled",
    "approval.expired",
    "mcp_server.set",
    "mcp_server.removed",
    "retention.set",
    "retention.removed",
    "webhook.created",
    "webhook.changed",
    "webhook.secret_rotated",
    "webhook.disabled",
    "webhook.deleted",
    "sign_in.link_made",
    "sign_in.link_used",
]


class AskedCallAnswer(TypedDict):
    """A tool call as the model wrote it; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


class AttemptAnswer(TypedDict):
    """One attempt of a delivery."""

    number: int
    at: str
    status_code: int | None
    duration_ms: int
    error: str
    answer: str


Authority: TypeAlias = Literal["member", "admin"]


Basis: TypeAlias = Literal["history", "plan"]


class BillLine(TypedDict):
    """One line of the bill; `key` is the date, or the id or name of what it is for (empty: none).

    By tool, a call of the model is shared by the tools that its answer called, and `tool_calls` counts their calls.
    """

    input_tokens: int
    output_tokens: int
    cached_tokens: int
    total_tokens: int
    cost: str | None
    estimated: bool
    unpriced_messages: int
    key: str
    message_count: int
    tool_calls: int | None


Budget: TypeAlias = Literal["run", "user_day", "project_day", "day"]


Confirmation: TypeAlias = Literal["never", "always"]


DeliveryStatus: TypeAlias = Literal["pending", "delivered", "failed"]


Direction: TypeAlias = Literal["tighter", "looser", "different"]


DisabledReason: TypeAlias = Literal["", "by_admin", "failing", "gone"]


class DocumentAnswer(TypedDict):
    """A document; `version` is its newest."""

    id: str
    user_id: str
    project_id: str
    path: str
    title: str
    version: int
    created_at: str
    updated_at: str


class DocumentHit(TypedDict):
    """A document that was found, with the text around the place."""

    id: str
    user_id: str
    project_id: str
    path: str
    title: str
    version: int
    created_at: str
    updated_at: str
    excerpt: str


class DocumentText(TypedDict):
    """A document with the text of one version. `run_id` is empty for a person's write."""

    id: str
    user_id: str
    project_id: str
    path: str
    title: str
    version: int
    created_at: str
    updated_at: str
    content: str
    content_version: int
    author: str
    run_id: str


class DocumentUseAnswer(TypedDict):
    """A version of a document that a run read or wrote, and when it first did."""

    document_id: str
    path: str
    title: str
    version: int
    access: Access
    created_at: str


class DocumentVersionAnswer(TypedDict):
    """One version of a document, without its text."""

    document_id: str
    version: int
    chars: int
    author: str
    run_id: str
    created_at: str


class DueTimeAnswer(TypedDict):
    """A time at which a cron expression is due."""

    due_at: str


class ErasureAnswer(TypedDict):
    """How far the erasure of a user is. Unless it is complete, the server goes on with it by itself."""

    user_id: str
    sessions_purged: int
    is_complete: bool


class EstimateAnswer(TypedDict):
    """What a run will probably use: an estimate from earlier runs (`history`) or by a rule of thumb (`plan`)."""

    basis: Basis
    sample_count: int
    model_calls: int
    input_tokens: int
    output_tokens: int
    cost: str | None


EventType: TypeAlias = Literal[
    "run.created",
    "run.planned",
    "run.plan_edited",
    "run.revision_requested",
    "run.confirmed",
    "run.queued",
    "run.started",
    "run.blocked",
    "run.resumed",
    "run.completed",
    "run.failed",
    "run.retried",
    "run.recovered",
    "run.cancelled",
    "step.started",
    "step.completed",
    "step.skipped",
    "message.completed",
    "message.interrupted",
    "message.retrying",
    "message.fallback",
    "message.steered",
    "context.compacted",
    "tool.started",
    "tool.completed",
    "tool.failed",
    "tool.unknown",
    "tool.denied",
    "executor.started",
    "executor.said",
    "executor.finished",
]


class ExecutorAnswer(TypedDict):
    """Who can carry out work. The limits are its own, for one piece of work; the rules hold besides."""

    name: str
    description: str
    kind: Literal["main", "agent", "function"]
    model: str
    fallbacks: list[str]
    tools: list[str]
    delegates_to: list[str]
    max_steps: int | None
    max_tool_calls: int | None
    max_output_tokens: int | None


FireOutcome: TypeAlias = Literal["fired", "refused"]


Format: TypeAlias = Literal["jsonl", "markdown"]


GroupBy: TypeAlias = Literal["day", "project", "user", "session", "run", "model", "tool", "executor"]


class Health(TypedDict):
    """The process takes requests."""

    status: Literal["ok"]


JsonValue: TypeAlias = Any


LayerName: TypeAlias = Literal["system", "platform", "project", "user", "admin_override"]


class LayerThenAndNowAnswer(TypedDict):
    """The version of a layer that a run was created under, and the one that applies now."""

    layer: LayerName
    scope_key: str
    version_then: int | None
    version_now: int | None


class ListedDocumentAnswer(TypedDict):
    items: list[DocumentAnswer]
    next_cursor: str | None


class ListedDocumentHit(TypedDict):
    items: list[DocumentHit]
    next_cursor: str | None


class ListedDocumentUseAnswer(TypedDict):
    items: list[DocumentUseAnswer]
    next_cursor: str | None


class ListedDocumentVersionAnswer(TypedDict):
    items: list[DocumentVersionAnswer]
    next_cursor: str | None


class ListedDueTimeAnswer(TypedDict):
    items: list[DueTimeAnswer]
    next_cursor: str | None


class ListedExecutorAnswer(TypedDict):
    items: list[ExecutorAnswer]
    next_cursor: str | None


McpState: TypeAlias = Literal["disabled", "connecting", "ready", "failed"]


class McpToolAnswer(TypedDict):
    """A tool as the agent has it; `read_only` and `idempotent` are what is held to be true."""

    name: str
    description: str
    parameters: dict[str, JsonValue]
    read_only: bool
    idempotent: bool


MessageState: TypeAlias = Literal["streaming", "complete", "interrupted"]


class ModelPriceAnswer(TypedDict):
    """What a model costs."""

    input: str
    cached: str
    output: str
    source: str


class Notice(TypedDict):
    """The notice of an admin override that is live."""

    notice: str
    expires_at: str | None
    set_by: str


Operator: TypeAlias = Literal["eq", "ne", "lt", "le", "gt", "ge", "in", "not_in", "like", "not_like", "exists"]


class Progress(TypedDict):
    """How far a plan is; `active_step` is the id of the step that is being worked on."""

    done: int
    total: int
    active_step: str | None


Purpose: TypeAlias = Literal["answer", "plan", "summary", "note"]


class QueuePlace(TypedDict):
    """Why a queued run waits: `position` runs are ahead of it in its lane; or for a worker. Null when not queued."""

    position: int | None
    waits_for: Literal["lane", "worker"] | None


class Readiness(TypedDict):
    """Whether each part the server needs is there: `ok`, or what is wrong with it."""

    ready: bool
    parts: dict[str, str]


Reason: TypeAlias = Literal[
    "",
    "user_cancelled",
    "interrupted",
    "session_deleted",
    "policy_denied",
    "model_error",
    "model_refused",
    "model_unavailable",
    "plan_not_drafted",
    "step_limit",
    "output_limit",
    "timed_out",
    "worker_lost",
    "internal_error",
    "budget_exceeded",
    "needs_answer",
    "needs_approval",
    "tool_outcome_unknown",
    "executor_unknown",
    "executor_failed",
    "executor_diverged",
]


class RefusedToolAnswer(TypedDict):
    """A tool that a server lists and the agent does not get."""

    name: str
    why: str


class RetentionAnswer(TypedDict):
    """For how long the sessions of a project are kept after the last thing that happened in them."""

    project_id: str
    keep_days: int
    updated_by: str
    updated_at: str


Role: TypeAlias = Literal["user", "assistant", "tool"]


RunStatus: TypeAlias = Literal[
    "drafting", "needs_confirmation", "queued", "running", "blocked", "done", "failed", "cancelled"
]


class SaidConfirmation(TypedDict):
    layer: LayerName
    value: Confirmation


class SaidUnionAnnotatedStrFieldInfoAnnotationNoneTypeRequiredTrueExamples000123MetadataPydanticGeneralMetadataPattern090969NoneType(
    TypedDict
):
    layer: LayerName
    value: str | None


class SaidUnionIntNoneType(TypedDict):
    layer: LayerName
    value: int | None


class SaidUnionListListStrNoneType(TypedDict):
    layer: LayerName
    value: list[list[str]] | None


class SaidListStr(TypedDict):
    layer: LayerName
    value: list[str]


class ScheduleAnswer(TypedDict):
    """A schedule. `next_due_at` is null while it is paused, and when nothing is due any more."""

    id: str
    user_id: str
    project_id: str
    title: str
    cron: str
    timezone: str
    handoff: dict[str, JsonValue]
    confirmed_ahead: bool
    paused: bool
    next_due_at: str | None
    created_at: str
    updated_at: str


class SessionAnswer(TypedDict):
    """A session with its totals. `deleted_at` is null unless it is listed as one that can be restored."""

    id: str
    user_id: str
    project_id: str
    title: str
    total_tokens: int
    total_cost: str | None
    message_count: int
    created_at: str
    updated_at: str
    deleted_at: str | None


class SettingAnswer(TypedDict):
    """A setting that holds. `value` is null for a secret, and an address is shown without user, password and query."""

    name: str
    variable: str
    group: str
    value: str | None
    is_default: bool


class SignedIn(TypedDict):
    """A token, and until when it is good."""

    token: str
    expires_at: str


StepStatus: TypeAlias = Literal["pending", "active", "done", "skipped"]


class SystemModelAnswer(TypedDict):
    """A model that is asked, in the order in which they are tried. `price` is null when nobody knows it."""

    name: str
    role: Literal["default", "fallback"]
    is_demo: bool
    price: ModelPriceAnswer | None


class SystemToolAnswer(TypedDict):
    """A tool that the agent has; `read_only` and `idempotent` are what is held to be true of it."""

    name: str
    description: str
    read_only: bool
    idempotent: bool


Target: TypeAlias = Literal["layer", "user", "session", "run", "project", "webhook", "mcp_server"]


class TokensAnswer(TypedDict):
    """How callers prove who they are."""

    keys: Literal["secret", "jwks"]
    issuer: str
    audience: str
    new_users: Literal["automatic", "manual"]


class ToolCondition(TypedDict):
    """One comparison of an argument."""

    at: str
    op: Operator
    value: NotRequired[str | int | float | bool | list[str | int | float | bool | None] | None]


UserStatus: TypeAlias = Literal["approved", "pending", "suspended", "erased"]


Verdict: TypeAlias = Literal["allow", "ask", "deny"]


class ViewAnswer(TypedDict):
    """A saved view: filters of the list of runs under a name."""

    name: str
    query: str
    created_at: str
    updated_at: str


class WebhookAnswer(TypedDict):
    """A webhook endpoint. Its secret is not in it."""

    id: str
    project_id: str | None
    url: str
    description: str
    event_types: list[str]
    enabled: bool
    disabled_reason: DisabledReason
    failing_since: str | None
    old_secret_until: str | None
    signable: bool
    created_by: str
    created_at: str
    updated_at: str


class WebhookSecretAnswer(TypedDict):
    """An endpoint with its new secret."""

    id: str
    project_id: str | None
    url: str
    description: str
    event_types: list[str]
    enabled: bool
    disabled_reason: DisabledReason
    failing_since: str | None
    old_secret_until: str | None
    signable: bool
    created_by: str
    created_at: str
    updated_at: str
    secret: str | None


class ConfirmRequest(TypedDict):
    """Let a run go, for the plan that was shown."""

    plan_rev: NotRequired[int | None]
    reason: NotRequired[str]


class DeltaFrame(TypedDict):
    """A piece of a message that is being written; live only."""

    type: Literal["message.delta"]
    run_id: str
    session_id: str
    message_id: str
    offset: int
    text: str


class DocumentRequest(TypedDict):
    """The next version of a document."""

    project_id: NotRequired[str]
    path: str
    content: str
    seen_version: NotRequired[int | None]


class EventFrame(TypedDict):
    """A run event on a stream; its `id:` is the cursor to resume from."""

    type: str
    seq: int
    run_id: str
    session_id: str
    at: str
    summary: str
    details: dict[str, JsonValue]


class ExchangeRequest(TypedDict):
    """A one-time sign-in code."""

    code: str


class ExplainRequest(TypedDict):
    """A tool call to be judged: by this executor, in a run in this project and on this platform."""

    tool: str
    arguments: NotRequired[dict[str, JsonValue]]
    executor: NotRequired[str]
    project_id: NotRequired[str]
    platform: NotRequired[str]
    user_id: NotRequired[str | None]


Arg: TypeAlias = str


Tool: TypeAlias = str


ReadOnlyItem: TypeAlias = str


IdempotentItem: TypeAlias = str


class McpServerRequest(TypedDict):
    """An MCP server: a `url`, or a `command` where the deployment allows it. What is left out is its default."""

    url: NotRequired[str]
    headers: NotRequired[dict[str, str]]
    command: NotRequired[str]
    args: NotRequired[list[Arg]]
    env: NotRequired[dict[str, str]]
    cwd: NotRequired[str]
    enabled: NotRequired[bool]
    tools: NotRequired[list[Tool]]
    read_only: NotRequired[list[ReadOnlyItem]]
    idempotent: NotRequired[list[IdempotentItem]]
    trust_hints: NotRequired[bool]
    repeat_after_question: NotRequired[bool]
    call_seconds: NotRequired[float]
    connect_seconds: NotRequired[float]
    seen_version: NotRequired[int | None]


class MoveRequest(TypedDict):
    """Move a run."""

    reason: NotRequired[str]


Multitask: TypeAlias = Literal["enqueue", "steer", "interrupt", "reject"]


Step: TypeAlias = str


AskBeforeItem: TypeAlias = str


class PlanRequest(TypedDict):
    """What to do: a goal, and either steps or `draft` to have the agent draft them."""

    goal: NotRequired[str]
    steps: NotRequired[list[Step]]
    draft: NotRequired[bool]
    ask_before: NotRequired[list[AskBeforeItem]]


class RestoreRequest(TypedDict):
    """Which version of a layer is brought back."""

    scope: NotRequired[str]
    version: int
    seen_version: NotRequired[int | None]


class ResumeRequest(TypedDict):
    """The answer to what a blocked run asks; it fits the `schema` of the run's `blocked`."""

    answer: NotRequired[JsonValue]
    reason: NotRequired[str]


class RetentionRequest(TypedDict):
    """For how long the sessions of a project are kept."""

    project_id: NotRequired[str]
    keep_days: int


class RetryRequest(TypedDict):
    """Try a failed run again."""

    reason: NotRequired[str]
    more: NotRequired[str | None]


class ReviseRequest(TypedDict):
    """What the agent is to plan otherwise."""

    instruction: str
    plan_rev: NotRequired[int | None]


class RotateRequest(TypedDict):
    """For how long the old secret still signs beside the new one."""

    overlap_seconds: NotRequired[int]


AllowedModel: TypeAlias = str


Approval: TypeAlias = str


class SessionEdit(TypedDict):
    """What of a session can be changed."""

    title: str


class SnapshotFrame(TypedDict):
    """All of a message that is being written, up to now; live only."""

    type: Literal["message.snapshot"]
    run_id: str
    session_id: str
    message_id: str
    text: str


class StepEdit(TypedDict):
    """A step to keep (with its id) or to add (without)."""

    id: NotRequired[str | None]
    title: str


class UserStatusRequest(TypedDict):
    """Whether a user may work."""

    status: Literal["approved", "pending", "suspended"]


class ViewRequest(TypedDict):
    """Filters of the list of runs, under a name."""

    name: str
    query: str


EventType1: TypeAlias = str


class WebhookChangeRequest(TypedDict):
    """What is to change of an endpoint; what is left out or null stays."""

    url: NotRequired[str | None]
    event_types: NotRequired[list[EventType1] | None]
    description: NotRequired[str | None]
    enabled: NotRequired[bool | None]


class WebhookRequest(TypedDict):
    """An endpoint that is to be told of run events."""

    url: str
    project_id: str | None
    event_types: NotRequired[list[EventType1]]
    description: NotRequired[str]


class Error(TypedDict):
    field: str
    message: str


class Problem(TypedDict):
    """Why something was refused (RFC 9457). Beside these there are parameters, by the code."""

    type: str
    title: str
    detail: str
    status: int
    code: Literal[
        "bad_request",
        "body_too_large",
        "conflict",
        "forbidden",
        "idempotency_mismatch",
        "illegal_move",
        "internal_error",
        "invalid",
        "malformed_json",
        "method_not_allowed",
        "no_such_route",
        "not_found",
        "not_json",
        "plan_changed",
        "policy_denied",
        "purged",
        "request_in_flight",
        "session_busy",
        "storage_full",
        "unauthenticated",
        "unavailable",
        "user_not_approved",
        "version_changed",
    ]
    request_id: NotRequired[str]
    errors: NotRequired[list[Error]]


class Accepted(TypedDict):
    """A run that was accepted. `task_id` is its id."""

    task_id: str
    run_id: str
    session_id: str
    created: bool
    steered: bool
    run_status: RunStatus


class AuditAnswer(TypedDict):
    """One line of the audit log."""

    id: str
    at: str
    actor: str
    actor_name: str
    action: Action
    target: Target
    target_id: str
    details: dict[str, JsonValue]


class Bill(TypedDict):
    """The bill between two times, the greatest key first. `total` is the sum of all lines; its key is empty."""

    items: list[BillLine]
    next_cursor: str | None
    group_by: str
    since: str
    until: str
    total: BillLine


class BudgetStanding(TypedDict):
    """Where a budget stands. `day` (UTC) is null for the budget of a run; `left` is what may still be reserved."""

    budget: Budget
    limit: str
    granted: str
    used: str
    reserved: str
    left: str
    day: str | None
    decided_by: LayerName


class ChangeAnswer(TypedDict):
    """A field that is different. `added` and `removed` are the items of a list: patterns, tool rules, approvals. Who
    decided is told between policies alone.
    """

    field: str
    before: JsonValue
    after: JsonValue
    direction: Direction
    added: list[JsonValue]
    removed: list[JsonValue]
    decided_by_before: LayerName | None
    decided_by_after: LayerName | None


class DecidedConfirmation(TypedDict):
    value: Confirmation
    decided_by: LayerName
    others: list[SaidConfirmation]


class DecidedUnionAnnotatedStrFieldInfoAnnotationNoneTypeRequiredTrueExamples000123MetadataPydanticGeneralMetadataPattern090969NoneType(
    TypedDict
):
    value: str | None
    decided_by: LayerName
    others: list[
        SaidUnionAnnotatedStrFieldInfoAnnotationNoneTypeRequiredTrueExamples000123MetadataPydanticGeneralMetadataPattern090969NoneType
    ]


class DecidedUnionIntNoneType(TypedDict):
    value: int | None
    decided_by: LayerName
    others: list[SaidUnionIntNoneType]


class DecidedUnionListListStrNoneType(TypedDict):
    value: list[list[str]] | None
    decided_by: LayerName
    others: list[SaidUnionListListStrNoneType]


class DecidedListStr(TypedDict):
    value: list[str]
    decided_by: LayerName
    others: list[SaidListStr]


class DeliveryAnswer(TypedDict):
    """A delivery: one event for one endpoint."""

    id: str
    endpoint_id: str
    event_type: str
    run_id: str | None
    seq: int | None
    status: DeliveryStatus
    attempts: int
    next_attempt_at: str | None
    created_at: str
    updated_at: str


class DeliveryLogAnswer(TypedDict):
    """A delivery with its newest attempts, the newest first."""

    id: str
    endpoint_id: str
    event_type: str
    run_id: str | None
    seq: int | None
    status: DeliveryStatus
    attempts: int
    next_attempt_at: str | None
    created_at: str
    updated_at: str
    log: list[AttemptAnswer]


class EventAnswer(TypedDict):
    """One durable line of a run's history."""

    id: str
    run_id: str
    seq: int
    event_type: str
    summary: str
    details: dict[str, JsonValue]
    created_at: str


class FindingAnswer(TypedDict):
    """Something that would have been stopped: `what` is the tool, the model or the number that `field` is about."""

    field: str
    what: str
    verdict: Verdict
    layer: LayerName
    tool_call_id: str | None


class FireAnswer(TypedDict):
    """A due time that was taken care of, and the run it made (null: its user may not work).

    `first_due_at` is earlier where the fire also stands for times that were missed.
    """

    due_at: str
    first_due_at: str
    fired_at: str
    outcome: FireOutcome
    run_id: str | None


class LayerDiff(TypedDict):
    """What one version of a layer changed since another; 0 is before there was any."""

    layer: LayerName
    scope_key: str
    since: int
    until: int
    changes: list[ChangeAnswer]


class ListedAuditAnswer(TypedDict):
    items: list[AuditAnswer]
    next_cursor: str | None


class ListedDeliveryAnswer(TypedDict):
    items: list[DeliveryAnswer]
    next_cursor: str | None


class ListedEventAnswer(TypedDict):
    items: list[EventAnswer]
    next_cursor: str | None


class ListedFireAnswer(TypedDict):
    items: list[FireAnswer]
    next_cursor: str | None


class ListedMcpToolAnswer(TypedDict):
    items: list[McpToolAnswer]
    next_cursor: str | None


class ListedRetentionAnswer(TypedDict):
    items: list[RetentionAnswer]
    next_cursor: str | None


class ListedScheduleAnswer(TypedDict):
    items: list[ScheduleAnswer]
    next_cursor: str | None


class ListedSessionAnswer(TypedDict):
    items: list[SessionAnswer]
    next_cursor: str | None


class ListedViewAnswer(TypedDict):
    items: list[ViewAnswer]
    next_cursor: str | None


class ListedWebhookAnswer(TypedDict):
    items: list[WebhookAnswer]
    next_cursor: str | None


class McpHealthAnswer(TypedDict):
    """How a server is doing, as the process sees it that answers."""

    state: McpState
    error: str
    protocol: str
    software: str
    reconnects: int
    tools: list[str]
    refused: list[RefusedToolAnswer]


class McpServerAnswer(TypedDict):
    """An MCP server. A value of `headers` or `env` that is no reference is null; so are the `args` of a file's command."""

    name: str
    source: str
    url: str
    headers: dict[str, str | None]
    command: str
    args: list[str] | None
    env: dict[str, str | None]
    cwd: str
    enabled: bool
    tools: list[str]
    read_only: list[str]
    idempotent: list[str]
    trust_hints: bool
    repeat_after_question: bool
    call_seconds: float
    connect_seconds: float
    version: int | None
    updated_by: str | None
    updated_at: str | None
    health: McpHealthAnswer


class MessageAnswer(TypedDict):
    """One turn in a session, with its bill."""

    id: str
    session_id: str
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
    scope: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost: str | None
    estimated: bool
    created_at: str


class RunUsage(TypedDict):
    """What a run used, where its budgets stand, and, until it is confirmed, what it will probably use."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int
    total_tokens: int
    cost: str | None
    estimated: bool
    unpriced_messages: int
    budgets: list[BudgetStanding]
    estimate: EstimateAnswer | None


class StepAnswer(TypedDict):
    """A step of a plan."""

    id: str
    title: str
    status: StepStatus
    note: str


class SystemAnswer(TypedDict):
    """This process: what it is, what it works with, and whether each part is there.

    `bus` and `broker` are `process` where this process does without.
    """

    version: str
    python: str
    started_at: str
    ready: bool
    parts: dict[str, str]
    database: str
    bus: str
    broker: str
    mcp_admin: str
    tokens: TokensAnswer
    models: list[SystemModelAnswer]
    tools: list[SystemToolAnswer]
    settings: list[SettingAnswer]


class ToolRuleForm(TypedDict):
    """A verdict on the calls of some tools, when all conditions hold."""

    tool: str
    verdict: Verdict
    when: NotRequired[list[ToolCondition]]
    executor: NotRequired[str]
    note: NotRequired[str]


class ToolRules(TypedDict):
    """What a layer says about tools: the strictest fitting rule, else the default."""

    default: NotRequired[Verdict | None]
    rules: NotRequired[list[ToolRuleForm]]


class TriedAnswer(TypedDict):
    """A run in which something would have been stopped."""

    run_id: str
    title: str
    findings: list[FindingAnswer]


class UserAnswer(TypedDict):
    """A user."""

    id: str
    name: str
    status: UserStatus
    created_at: str


class ChatRequest(TypedDict):
    """Something to say to the agent."""

    message: str
    session_id: NotRequired[str | None]
    project_id: NotRequired[str]
    multitask: NotRequired[Multitask]
    executor: NotRequired[str]


class HandoffRequest(TypedDict):
    """What a page hands over to the agent."""

    title: str
    source_screen: str
    source_action_key: str
    project_id: NotRequired[str]
    summary: NotRequired[str]
    intent_key: NotRequired[str]
    platform: NotRequired[str]
    platform_scope: NotRequired[str]
    plan_request: NotRequired[PlanRequest]
    session_id: NotRequired[str | None]
    executor: NotRequired[str]


class PlanEdit(TypedDict):
    """A new revision of a plan: another goal, and exactly these steps, in this order."""

    plan_rev: int
    goal: NotRequired[str | None]
    steps: NotRequired[list[StepEdit] | None]


class RulesBody(TypedDict):
    """What a layer says; what is left out or null says nothing."""

    confirmation: NotRequired[Confirmation | None]
    allowed_models: NotRequired[list[AllowedModel] | None]
    max_steps: NotRequired[int | None]
    max_seconds: NotRequired[int | None]
    max_output_tokens: NotRequired[int | None]
    max_tool_calls: NotRequired[int | None]
    tools: NotRequired[ToolRules | None]
    approval_seconds: NotRequired[int | None]
    approvals: NotRequired[list[Approval] | None]
    schedule_confirmation: NotRequired[Confirmation | None]
    run_budget: NotRequired[str | None]
    user_day_budget: NotRequired[str | None]
    project_day_budget: NotRequired[str | None]
    day_budget: NotRequired[str | None]


class ScheduleRequest(TypedDict):
    """What to hand over, and when. `confirmed_ahead`: the plan is confirmed for every run, where the rules allow that."""

    cron: str
    timezone: NotRequired[str]
    confirmed_ahead: NotRequired[bool]
    handoff: HandoffRequest


class SimulateRequest(TypedDict):
    """A draft of a layer, to be tried on runs that were."""

    layer: LayerName
    scope: NotRequired[str]
    rules: RulesBody
    last: NotRequired[int]


class AgainstNowAnswer(TypedDict):
    """What a run was promised, against what one like it would be promised now."""

    run_id: str
    changes: list[ChangeAnswer]
    layers: list[LayerThenAndNowAnswer]


class LayerToolRules(TypedDict):
    """The tool rules of one layer; of all layers the strictest verdict holds."""

    default: NotRequired[Verdict | None]
    rules: NotRequired[list[ToolRuleForm]]
    layer: LayerName


class ListedMcpServerAnswer(TypedDict):
    items: list[McpServerAnswer]
    next_cursor: str | None


class ListedMessageAnswer(TypedDict):
    items: list[MessageAnswer]
    next_cursor: str | None


class ListedUserAnswer(TypedDict):
    items: list[UserAnswer]
    next_cursor: str | None


class Me(TypedDict):
    """Who is calling, and what this server is. `event_cursor`: resume the stream of all runs from here (`after`)."""

    user: UserAnswer
    role: Authority
    projects: list[str] | None
    demo: bool
    default_model: str
    version: str
    event_cursor: int


class PlanAnswer(TypedDict):
    """The plan of a run. `awaits_draft`: the agent still has to draft it, following `instruction`."""

    rev: int
    goal: str
    steps: list[StepAnswer]
    awaits_draft: bool
    instruction: str


class RulesAnswer(TypedDict):
    """What a layer says; a field that is not there says nothing."""

    confirmation: NotRequired[Confirmation | None]
    allowed_models: NotRequired[list[str] | None]
    max_steps: NotRequired[int | None]
    max_seconds: NotRequired[int | None]
    max_output_tokens: NotRequired[int | None]
    max_tool_calls: NotRequired[int | None]
    tools: NotRequired[ToolRules | None]
    approval_seconds: NotRequired[int | None]
    approvals: NotRequired[list[str] | None]
    schedule_confirmation: NotRequired[Confirmation | None]
    run_budget: NotRequired[str | None]
    user_day_budget: NotRequired[str | None]
    project_day_budget: NotRequired[str | None]
    day_budget: NotRequired[str | None]


class SaidListLayerToolRules(TypedDict):
    layer: LayerName
    value: list[LayerToolRules]


class SayingAnswer(TypedDict):
    """What one layer says; without a `rule` it is the layer's default."""

    layer: LayerName
    verdict: Verdict
    rule: ToolRuleForm | None


class SimulateAnswer(TypedDict):
    """How many runs were looked at, in how many something would have been denied or only asked for, and what."""

    runs_checked: int
    runs_denied: int
    runs_asked: int
    runs: list[TriedAnswer]


class SnapshotLayer(TypedDict):
    """A layer as it was when a run was created."""

    layer: LayerName
    scope_key: str
    version: int
    rules: RulesAnswer


class StandingApprovalAnswer(TypedDict):
    """Calls that a user has allowed for good. `asked_by` is the rule it answers; null: it is not there any more, and the
    approval has lapsed.
    """

    id: str
    tool: str
    words: str
    asked_by: SayingAnswer | None
    given_by: str
    given_at: str | None


class LayerRequest(TypedDict):
    """The rules of one layer."""

    scope: NotRequired[str]
    rules: RulesBody
    seen_version: NotRequired[int | None]


class OverrideRequest(TypedDict):
    """Rules that replace what the layers say, for a while."""

    scope: NotRequired[str]
    rules: RulesBody
    notice: str
    expires_at: str


class DecidedListLayerToolRules(TypedDict):
    value: list[LayerToolRules]
    decided_by: LayerName
    others: list[SaidListLayerToolRules]


class ExplainAnswer(TypedDict):
    """The verdict, whose rule decided, and everything that was said, the strictest first."""

    tool: str
    arguments: dict[str, JsonValue]
    verdict: Verdict
    decided_by: SayingAnswer | None
    considered: list[SayingAnswer]


class LayerAnswer(TypedDict):
    """One version of a policy layer. `notice` and `expires_at` belong to an admin override."""

    layer: LayerName
    scope_key: str
    version: int
    rules: RulesAnswer
    notice: str
    expires_at: str | None
    updated_by: str
    updated_at: str | None


class LayerVersion(TypedDict):
    """A version in the history of the layers, and what it changed of the one before it."""

    layer: LayerName
    scope_key: str
    version: int
    rules: RulesAnswer
    notice: str
    expires_at: str | None
    updated_by: str
    updated_at: str | None
    id: str
    changes: list[ChangeAnswer]


class ListedLayerVersion(TypedDict):
    items: list[LayerVersion]
    next_cursor: str | None


class ListedStandingApprovalAnswer(TypedDict):
    items: list[StandingApprovalAnswer]
    next_cursor: str | None


class OutlookAnswer(TypedDict):
    """What the rules can say about calls of a tool, whatever their arguments will be: at least `least`, at most `most`."""

    tool: str
    touches: Literal["reads", "changes"]
    least: Verdict
    most: Verdict
    said_by: list[SayingAnswer]


class Policy(TypedDict):
    """What the layers add up to. A model must match each of the lists in `allowed_models`."""

    confirmation: DecidedConfirmation
    allowed_models: DecidedUnionListListStrNoneType
    max_steps: DecidedUnionIntNoneType
    max_seconds: DecidedUnionIntNoneType
    max_output_tokens: DecidedUnionIntNoneType
    max_tool_calls: DecidedUnionIntNoneType
    tools: DecidedListLayerToolRules
    approval_seconds: DecidedUnionIntNoneType
    approvals: DecidedListStr
    schedule_confirmation: DecidedConfirmation
    run_budget: DecidedUnionAnnotatedStrFieldInfoAnnotationNoneTypeRequiredTrueExamples000123MetadataPydanticGeneralMetadataPattern090969NoneType
    user_day_budget: DecidedUnionAnnotatedStrFieldInfoAnnotationNoneTypeRequiredTrueExamples000123MetadataPydanticGeneralMetadataPattern090969NoneType
    project_day_budget: DecidedUnionAnnotatedStrFieldInfoAnnotationNoneTypeRequiredTrueExamples000123MetadataPydanticGeneralMetadataPattern090969NoneType
    day_budget: DecidedUnionAnnotatedStrFieldInfoAnnotationNoneTypeRequiredTrueExamples000123MetadataPydanticGeneralMetadataPattern090969NoneType


class Snapshot(TypedDict):
    """What a run was promised when it was created."""

    project_id: str
    platform: str
    effective_policy: Policy
    layers: list[SnapshotLayer]
    active_admin_override_notice: Notice | None


class GovernanceAnswer(TypedDict):
    """What applies to the caller in a project on a platform, and who set it."""

    project_id: str
    platform: str
    effective_policy: Policy
    layers: list[LayerAnswer]
    active_admin_override_notice: Notice | None


class ListedOutlookAnswer(TypedDict):
    items: list[OutlookAnswer]
    next_cursor: str | None


class RunAnswer(TypedDict):
    """A run with all that a page needs."""

    id: str
    session_id: str
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
    status_summary: str
    allowed_actions: list[Literal["edit_plan", "confirm", "revise", "resume", "retry", "cancel"]]
    scheduling_mode: str
    executor: str
    active_executor_key: str
    plan: PlanAnswer
    progress: Progress
    result: dict[str, JsonValue]
    queue: QueuePlace
    needs_user_input: bool
    blocked_reason: str
    blocked: dict[str, JsonValue] | None
    usage: RunUsage
    governance_snapshot: Snapshot
    active_admin_override_notice: Notice | None
    last_seq: int
    created_at: str
    updated_at: str
    started_at: str | None
    finished_at: str | None


class ListedRunAnswer(TypedDict):
    items: list[RunAnswer]
    next_cursor: str | None
