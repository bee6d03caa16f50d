"""The tools through which the agent steers its own run.

They have no effect outside the run's rows, so they are carried out in the transaction that stores the answer they are
part of: they cannot be lost or done twice, and they cost no round trip.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from oneliner.app.model import ToolSpec
from oneliner.domain.errors import Invalid
from oneliner.domain.plan import StepStatus
from oneliner.domain.text import clean_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneliner.domain.executor import Executor

MARK_STEP = ToolSpec(
    name="mark_step",
    description=(
        "Report progress on the plan: say that a step is done or skipped, with a short note on what came of it. "
        "Call it as soon as a step is finished; several calls in one answer are fine."
    ),
    parameters={
        "type": "object",
        "properties": {
            "step_id": {"type": "string", "description": "the id of the step, such as s1"},
            "status": {"type": "string", "enum": ["done", "skipped"]},
            "note": {"type": "string", "description": "what came of it, in one sentence"},
        },
        "required": ["step_id", "status"],
        "additionalProperties": False,
    },
    idempotent=True,
)
ASK_USER = ToolSpec(
    name="ask_user",
    description=(
        "Ask the user something that you cannot find out otherwise. The run waits until it is answered. "
        "The schema describes the form that is shown: an object whose properties are strings (with enum for a choice), "
        "numbers or booleans."
    ),
    parameters={
        "type": "object",
        "properties": {
            "question": {"type": "string"},
            "schema": {"type": "object", "description": "JSON Schema of the answer"},
        },
        "required": ["question"],
        "additionalProperties": False,
    },
    idempotent=True,
)
PROPOSE_PLAN = ToolSpec(
    name="propose_plan",
    description="Propose the plan for the goal: the goal in one sentence and its steps in order.",
    parameters={
        "type": "object",
        "properties": {
            "goal": {"type": "string"},
            "steps": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 20},
        },
        "required": ["goal", "steps"],
        "additionalProperties": False,
    },
    read_only=True,
)
FREE_ANSWER: Mapping[str, object] = {
    "type": "object",
    "properties": {"answer": {"type": "string", "title": "Answer"}},
    "required": ["answer"],
    "additionalProperties": False,
}
MAX_TASK_CHARS = 50_000
_COSTLY = frozenset({"pattern", "patternProperties"})
DELEGATE = "delegate"
#: The names of all of them; no other tool may have one.
NAMES = frozenset({MARK_STEP.name, ASK_USER.name, PROPOSE_PLAN.name, DELEGATE})


def delegate_spec(executors: Sequence[Executor]) -> ToolSpec:
    """The tool that delegates to one of *executors*. To delegate changes nothing by itself; what the executor then does
    is judged call by call.
    """
    known = "\n".join(f"- {one.name}: {one.description or 'a specialist'}" for one in executors)
    return ToolSpec(
        name=DELEGATE,
        description=(
            "Hand a part of the work to a specialist, who sees nothing of this conversation but the task that you write, "
            "and whose answer is the result of the call. Several calls in one answer are carried out one after another. "
            f"The specialists:\n{known}"
        ),
        parameters={
            "type": "object",
            "properties": {
                "executor": {"type": "string", "enum": [one.name for one in executors]},
                "task": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": MAX_TASK_CHARS,
                    "description": "what to do, with everything it must know",
                },
            },
            "required": ["executor", "task"],
            "additionalProperties": False,
        },
        read_only=True,
    )


def arguments_of(spec: ToolSpec, arguments: str) -> Mapping[str, object]:
    """The JSON text *arguments* of a call of *spec*. Raises Invalid: no JSON object, or one that does not fit."""
    try:
        value: object = json.loads(arguments or "{}")
    except ValueError as error:
        raise Invalid(f"the arguments of {spec.name} are no JSON: {error}") from error
    except RecursionError:
        raise Invalid(f"the arguments of {spec.name} are nested too deep") from None
    value = clean_json(value)
    check_against(spec.parameters, value, f"the arguments of {spec.name}")
    if not isinstance(value, dict):
        raise Invalid(f"the arguments of {spec.name} are no JSON object")
    return value


#: Schemas may come from models and MCP servers: what one refers to outside of itself is not known, and never fetched.
CLOSED: Registry[Any] = Registry()


def check_against(schema: Mapping[str, object], value: Any, what: str) -> None:
    """Raises Invalid, naming the place: *value* does not fit *schema*, or it refers to what is elsewhere."""
    try:
        error = next(iter(Draft202012Validator(schema, registry=CLOSED).iter_errors(value)), None)
    except Unresolvable as unknown:
        raise Invalid(f"{what} cannot be checked: the schema refers to {unknown.ref!r}, which is elsewhere") from None
    if error is not None:
        where = "/".join(str(p) for p in error.absolute_path)
        raise Invalid(f"{what} do not fit{f' at {where!r}' if where else ''}: {error.message}", field=where)


def step_report(arguments: Mapping[str, object]) -> tuple[str, StepStatus, str]:
    """The step, its new status and the note of checked ``mark_step`` arguments."""
    return str(arguments["step_id"]), StepStatus(str(arguments["status"])), str(arguments.get("note", ""))


def question_of(arguments: Mapping[str, object]) -> tuple[str, Mapping[str, object]]:
    """The question and the schema of its answer of checked ``ask_user`` arguments. Raises Invalid: no JSON Schema, or
    one with keywords that a form has no use for.
    """
    schema = arguments.get("schema") or FREE_ANSWER
    if not isinstance(schema, dict):
        raise Invalid("the schema of a question must be an object")
    _check_keywords(schema)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise Invalid(f"the schema of the question is no JSON Schema: {error.message}") from error
    return str(arguments["question"]), schema


def _check_keywords(schema: object) -> None:
    """A model writes this schema and a user the answer, and both are judged while the writer waits: so nothing that
    reads from elsewhere ($ref and its kin) or that an answer can hold up for ever (regular expressions).
    """
    if isinstance(schema, dict):
        for name, value in schema.items():
            if name.startswith("$") or name in _COSTLY:
                raise Invalid(f"the schema of a question must not use {name!r}")
            _check_keywords(value)
    elif isinstance(schema, list):
        for value in schema:
            _check_keywords(value)


def proposal_of(arguments: Mapping[str, object]) -> tuple[str, list[str]]:
    """The goal and the step titles of checked ``propose_plan`` arguments."""
    steps = arguments["steps"]
    return str(arguments["goal"]), [str(s) for s in steps] if isinstance(steps, list) else []
