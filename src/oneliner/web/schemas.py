"""The bodies that requests take. What is not named is refused, and everything has a bound."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from oneliner.app.runs import MAX_MESSAGE_CHARS
from oneliner.app.steering import Multitask
from oneliner.domain.document import MAX_CONTENT_CHARS, MAX_PATH_CHARS
from oneliner.domain.executor import MAIN_EXECUTOR
from oneliner.domain.plan import MAX_GOAL_CHARS, MAX_STEP_CHARS, MAX_STEPS
from oneliner.domain.policy import Confirmation
from oneliner.domain.policy_json import LARGEST, MAX_APPROVALS, MAX_PATTERN_CHARS, MAX_PATTERNS
from oneliner.domain.retention import MAX_KEEP_DAYS
from oneliner.domain.saved_view import MAX_NAME_CHARS as MAX_VIEW_NAME_CHARS
from oneliner.domain.saved_view import MAX_QUERY_CHARS
from oneliner.domain.session import MAX_TITLE_CHARS as MAX_SESSION_TITLE_CHARS
from oneliner.domain.tool_rules_json import NAME_PATTERN
from oneliner.domain.user import UserStatus
from oneliner.web.tool_rule_schemas import ToolRules

MAX_NUMBER = 2**31 - 1
MAX_NAME_CHARS = 128
MAX_TITLE_CHARS = 200
MAX_ASK_BEFORE = 20

_Name = Annotated[str, Field(max_length=MAX_NAME_CHARS)]
_Executor = Annotated[
    str,
    Field(min_length=1, max_length=64, description="Who carries it out, of those that `/v2/oneliner/executors` lists."),
]
_Reason = Annotated[str, Field(max_length=2_000, description="Why, in the user's words; kept with the event.")]
_Id = Annotated[str, Field(max_length=64)]
_Rev = Annotated[int, Field(strict=True, ge=1, le=MAX_NUMBER)]
_SeenVersion = Annotated[int, Field(strict=True, ge=0, le=MAX_NUMBER)]
_Time = Annotated[str, Field(max_length=40, examples=["2026-03-05T08:15:30.000Z"])]
_Scope = Annotated[str, Field(max_length=200)]
_Budget = Annotated[
    str, Field(pattern=r"^[0-9]{1,7}(\.[0-9]{1,9})?$", description="USD, at most 1000000.", examples=["2.50"])
]


class Body(BaseModel):
    """What all bodies share."""

    model_config = ConfigDict(extra="forbid")


class ChatRequest(Body):
    """Something to say to the agent."""

    message: Annotated[str, Field(min_length=1, max_length=MAX_MESSAGE_CHARS, examples=["What changed this week?"])]
    session_id: Annotated[
        _Id | None, Field(description="The session to go on in; a new one is made when left out.")
    ] = None
    project_id: _Name = ""
    multitask: Annotated[
        Multitask,
        Field(
            description="What to do when a run of the session is working or about to: `enqueue` begins the next run, "
            "`steer` gives the message to the working run, which takes it up at its next step, `interrupt` cancels "
            "what works and begins a run, `reject` answers 409."
        ),
    ] = Multitask.ENQUEUE
    executor: _Executor = MAIN_EXECUTOR


class ResumeRequest(Body):
    """The answer to what a blocked run asks; it fits the `schema` of the run's `blocked`."""

    answer: JsonValue = None
    reason: _Reason = ""


class SessionEdit(Body):
    """What of a session can be changed."""

    title: Annotated[str, Field(min_length=1, max_length=MAX_SESSION_TITLE_CHARS, examples=["Quarterly figures"])]


class PlanRequest(Body):
    """What to do: a goal, and either steps or `draft` to have the agent draft them."""

    goal: Annotated[str, Field(max_length=MAX_GOAL_CHARS, examples=["Follow up the key accounts"])] = ""
    steps: Annotated[
        list[Annotated[str, Field(max_length=MAX_STEP_CHARS)]],
        Field(max_length=MAX_STEPS, examples=[["Read the project", "Check the accounts", "Decide what is next"]]),
    ] = Field(default_factory=list[str])
    draft: Annotated[bool, Field(strict=True)] = False
    ask_before: Annotated[
        list[Annotated[str, Field(pattern=f"^{NAME_PATTERN}$")]],
        Field(
            max_length=MAX_ASK_BEFORE,
            description="Patterns of tools whose calls in this run wait for an approval, whatever the rules say; "
            "`*` stands for any characters.",
            examples=[["write_document"]],
        ),
    ] = Field(default_factory=list[str])


class HandoffRequest(Body):
    """What a page hands over to the agent."""

    title: Annotated[str, Field(min_length=1, max_length=MAX_TITLE_CHARS, examples=["Follow up key accounts"])]
    source_screen: Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS, examples=["dashboard"])]
    source_action_key: Annotated[
        str, Field(min_length=1, max_length=MAX_NAME_CHARS, examples=["homepage-primary-action"])
    ]
    project_id: _Name = ""
    summary: Annotated[str, Field(max_length=MAX_GOAL_CHARS)] = ""
    intent_key: _Name = ""
    platform: _Name = ""
    platform_scope: _Name = "single_platform"
    plan_request: PlanRequest = Field(default_factory=PlanRequest)
    session_id: _Id | None = None
    executor: _Executor = MAIN_EXECUTOR


class ScheduleRequest(Body):
    """What to hand over, and when. `confirmed_ahead`: the plan is confirmed for every run, where the rules allow that."""

    cron: Annotated[str, Field(min_length=1, max_length=200, examples=["0 9 * * MON-FRI"])]
    timezone: Annotated[str, Field(min_length=1, max_length=64, examples=["Europe/Berlin"])] = "UTC"
    confirmed_ahead: Annotated[bool, Field(strict=True)] = False
    handoff: HandoffRequest


class ConfirmRequest(Body):
    """Let a run go, for the plan that was shown."""

    plan_rev: Annotated[_Rev | None, Field(description="The revision of the plan that was shown.")] = None
    reason: _Reason = ""


class MoveRequest(Body):
    """Move a run."""

    reason: _Reason = ""


class RetryRequest(Body):
    """Try a failed run again."""

    reason: _Reason = ""
    more: Annotated[
        str | None,
        Field(
            max_length=20, examples=["0.50"], description="USD more for the budget that the draft of its plan has met."
        ),
    ] = None


class ReviseRequest(Body):
    """What the agent is to plan otherwise."""

    instruction: Annotated[str, Field(min_length=1, max_length=MAX_MESSAGE_CHARS)]
    plan_rev: _Rev | None = None


class StepEdit(Body):
    """A step to keep (with its id) or to add (without)."""

    id: _Id | None = None
    title: Annotated[str, Field(max_length=MAX_STEP_CHARS)]


class PlanEdit(Body):
    """A new revision of a plan: another goal, and exactly these steps, in this order."""

    plan_rev: Annotated[_Rev, Field(description="The revision of the plan that was edited.")]
    goal: Annotated[str, Field(max_length=MAX_GOAL_CHARS)] | None = None
    steps: Annotated[list[StepEdit], Field(max_length=MAX_STEPS)] | None = None


class RulesBody(Body):
    """What a layer says; what is left out or null says nothing."""

    confirmation: Confirmation | None = None
    allowed_models: (
        Annotated[list[Annotated[str, Field(max_length=MAX_PATTERN_CHARS)]], Field(max_length=MAX_PATTERNS)] | None
    ) = None
    max_steps: Annotated[int, Field(strict=True, ge=1, le=LARGEST["max_steps"])] | None = None
    max_seconds: Annotated[int, Field(strict=True, ge=1, le=LARGEST["max_seconds"])] | None = None
    max_output_tokens: Annotated[int, Field(strict=True, ge=1, le=LARGEST["max_output_tokens"])] | None = None
    max_tool_calls: Annotated[int, Field(strict=True, ge=1, le=LARGEST["max_tool_calls"])] | None = None
    tools: ToolRules | None = None
    approval_seconds: Annotated[int, Field(strict=True, ge=1, le=LARGEST["approval_seconds"])] | None = None
    approvals: Annotated[
        list[Annotated[str, Field(max_length=250)]] | None,
        Field(max_length=MAX_APPROVALS, description="Standing approvals to keep; only in a user's layer."),
    ] = None
    schedule_confirmation: Confirmation | None = None
    run_budget: _Budget | None = None
    user_day_budget: _Budget | None = None
    project_day_budget: _Budget | None = None
    day_budget: _Budget | None = None


class LayerRequest(Body):
    """The rules of one layer."""

    scope: Annotated[
        _Scope, Field(description="The platform, project or user the layer is for; empty for the system layer.")
    ] = ""
    rules: RulesBody
    seen_version: Annotated[
        _SeenVersion | None, Field(description="The version that was read; 0 for a layer that is not there yet.")
    ] = None


class OverrideRequest(Body):
    """Rules that replace what the layers say, for a while."""

    scope: Annotated[_Scope, Field(description="Empty for everybody, `project:ID` or `user:ID`.")] = ""
    rules: RulesBody
    notice: Annotated[str, Field(min_length=1, max_length=1_000)]
    expires_at: _Time


class DocumentRequest(Body):
    """The next version of a document."""

    project_id: _Name = ""
    path: Annotated[str, Field(min_length=1, max_length=MAX_PATH_CHARS, examples=["strategy/2026.md"])]
    content: Annotated[str, Field(max_length=MAX_CONTENT_CHARS)]
    seen_version: Annotated[
        _SeenVersion | None, Field(description="The version that was read; 0 for a document that is not there yet.")
    ] = None


class UserStatusRequest(Body):
    """Whether a user may work."""

    status: Literal[UserStatus.APPROVED, UserStatus.PENDING, UserStatus.SUSPENDED]


class RetentionRequest(Body):
    """For how long the sessions of a project are kept."""

    project_id: _Name = ""
    keep_days: Annotated[
        int, Field(strict=True, ge=1, le=MAX_KEEP_DAYS, description="Days after the last thing that happened.")
    ]


class ViewRequest(Body):
    """Filters of the list of runs, under a name."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_VIEW_NAME_CHARS, examples=["Failed here"])]
    query: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_QUERY_CHARS,
            description="What stands in the address of the list.",
            examples=["project_id=p1&status=failed"],
        ),
    ]


class ExchangeRequest(Body):
    """A one-time sign-in code."""

    code: Annotated[str, Field(min_length=1, max_length=200)]
