"""A question that an MCP server asks during a call, as a question to the user, and the answer as the server reads it.

The run does not wait inside the call. Since 2026 a server returns its questions and a state of its own, and is called
again with both: nothing is lost by a restart. Before that it asked while the call was open; such a call is given up and,
where that is harmless, repeated from its start, with the answers that were given so far.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import mcp_types as types
from pydantic import TypeAdapter

from oneliner.app import control
from oneliner.app.tools import NeedsAnswer, ToolFailed
from oneliner.domain.errors import Invalid
from oneliner.domain.text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_QUESTION_CHARS = 4_000
MAX_STATE_CHARS = 64_000
_DECISION = "decision"
_ACCEPT, _DECLINE = "accept", "decline"
_PARAMETERS: TypeAdapter[types.ElicitRequestParams] = TypeAdapter(types.ElicitRequestParams)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a call has come that asks: what its server wants back (*state*), what it asks (*questions*, by the
    server's keys, as JSON) and what was answered so far (*answers*, by the same keys).
    """

    state: str | None = None
    questions: Mapping[str, Any] = field(default_factory=dict[str, Any])
    answers: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def open_key(self) -> str | None:
        """The first question that is not answered, or None."""
        return next((key for key in self.questions if key not in self.answers), None)

    def responses(self) -> types.InputResponses:
        """The answers, as the server reads them."""
        return {key: types.ElicitResult.model_validate(answer) for key, answer in self.answers.items()}

    def asking(self, server: str) -> NeedsAnswer:
        """The first open question, to be raised. Raises ToolFailed: it is none that a form could ask."""
        key = self.open_key
        assert key is not None
        parameters = _PARAMETERS.validate_python(self.questions[key])
        question, schema = _form(server, parameters)
        kept = {"state": self.state, "questions": dict(self.questions), "answers": dict(self.answers)}
        return NeedsAnswer(question, schema, kept)

    def with_question(self, key: str, parameters: types.ElicitRequestParams) -> Progress:
        """This, with one more question."""
        return replace(self, questions={**self.questions, key: _json_of(parameters)})


def begun(resumed: Mapping[str, Any] | None) -> Progress:
    """How far a call has come, by what was kept of it and the answer that came since."""
    if resumed is None:
        return Progress()
    kept = resumed["kept"]
    progress = Progress(kept["state"], kept["questions"], kept["answers"])
    key = progress.open_key
    if key is None:
        return progress
    return replace(progress, answers={**progress.answers, key: _response(resumed["answer"])})


def returned(result: types.InputRequiredResult) -> Progress:
    """The questions that a server returned in place of a result. Raises ToolFailed: it asks for something else."""
    if len(result.request_state or "") > MAX_STATE_CHARS:
        raise ToolFailed(f"the server wants more than {MAX_STATE_CHARS} characters kept")
    questions: dict[str, Any] = {}
    for key, request in (result.input_requests or {}).items():
        if not isinstance(request, types.ElicitRequest):
            raise ToolFailed(f"the server asks for {request.method}, which it cannot have here")
        questions[key] = _json_of(request.params)
    return Progress(result.request_state, questions)


def key_of(parameters: types.ElicitRequestParams) -> str:
    """What a question is known by whose server gives it no key: its words."""
    return str(_json_of(parameters))


def _json_of(parameters: types.ElicitRequestParams) -> dict[str, Any]:
    return parameters.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"meta", "task"})


def _form(server: str, parameters: types.ElicitRequestParams) -> tuple[str, Mapping[str, object]]:
    message = clean(parameters.message)[:MAX_QUESTION_CHARS]
    if isinstance(parameters, types.ElicitRequestURLParams):
        address = clean(parameters.url)[:MAX_QUESTION_CHARS]
        question, asked, needed = f"{server} asks you to open {address} : {message}", {}, []
    else:
        schema = parameters.requested_schema
        question = f"{server} asks: {message}"
        asked = {name: _without_patterns(value) for name, value in dict(schema.get("properties") or {}).items()}
        needed = [str(name) for name in schema.get("required") or []]
    if _DECISION in asked:
        raise ToolFailed(f"the server asks for a field called {_DECISION!r}, which this form has already")
    form = {
        "type": "object",
        "properties": {_DECISION: {"type": "string", "enum": [_ACCEPT, _DECLINE]}, **asked},
        "required": [_DECISION],
        "if": {"properties": {_DECISION: {"const": _ACCEPT}}},
        "then": {"required": needed},
        "additionalProperties": False,
    }
    try:
        return control.question_of({"question": question, "schema": form})
    except Invalid as error:
        raise ToolFailed(f"the server asks in a way that no form can show: {error.message}") from error


def _without_patterns(value: Any) -> Any:
    return {k: v for k, v in value.items() if k != "pattern"} if isinstance(value, dict) else value


def _response(answer: Any) -> dict[str, Any]:
    if answer.get(_DECISION) != _ACCEPT:
        return {"action": _DECLINE}
    return {"action": _ACCEPT, "content": {k: v for k, v in answer.items() if k != _DECISION}}
