"""Explaining and trying rules out, as the API takes and answers it."""

# Pydantic looks at the annotations while the program runs, so what they name must be there then.
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from oneliner.app.trial import MAX_RUNS
from oneliner.domain.policy import LayerName
from oneliner.domain.tool_rules import Verdict
from oneliner.web.answer_schemas import Answer, Uuid
from oneliner.web.schemas import Body, RulesBody
from oneliner.web.tool_rule_schemas import ToolRuleForm

_Name = Annotated[str, Field(max_length=200)]


class ExplainRequest(Body):
    """A tool call to be judged: by this executor, in a run in this project and on this platform."""

    tool: _Name
    arguments: Annotated[
        dict[str, JsonValue], Field(default_factory=dict[str, JsonValue], description="As a model would write them.")
    ]
    executor: _Name = "main"
    project_id: _Name = ""
    platform: _Name = ""
    user_id: Annotated[_Name | None, Field(description="Whose rules; the caller's, when left out.")] = None


class SayingAnswer(Answer):
    """What one layer says; without a `rule` it is the layer's default."""

    layer: LayerName
    verdict: Verdict
    rule: ToolRuleForm | None


class ExplainAnswer(Answer):
    """The verdict, whose rule decided, and everything that was said, the strictest first."""

    tool: str
    arguments: Annotated[dict[str, JsonValue], Field(description="As they are judged: checked, defaults filled in.")]
    verdict: Verdict
    decided_by: SayingAnswer | None
    considered: list[SayingAnswer]


class OutlookAnswer(Answer):
    """What the rules can say about calls of a tool, whatever their arguments will be: at least `least`, at most `most`."""

    tool: str
    touches: Annotated[Literal["reads", "changes"], Field(description="Whether it only reads.")]
    least: Verdict
    most: Verdict
    said_by: Annotated[list[SayingAnswer], Field(description="Who says `most`; nobody where it is `allow`.")]


class SimulateRequest(Body):
    """A draft of a layer, to be tried on runs that were."""

    layer: LayerName
    scope: Annotated[_Name, Field(description="As for setting the layer; empty for the system layer.")] = ""
    rules: RulesBody
    last: Annotated[int, Field(strict=True, ge=1, le=MAX_RUNS, description="How many of the newest runs.")] = 200


class FindingAnswer(Answer):
    """Something that would have been stopped: `what` is the tool, the model or the number that `field` is about."""

    field: str
    what: str
    verdict: Verdict
    layer: LayerName
    tool_call_id: str | None


class TriedAnswer(Answer):
    """A run in which something would have been stopped."""

    run_id: Uuid
    title: str
    findings: list[FindingAnswer]


class SimulateAnswer(Answer):
    """How many runs were looked at, in how many something would have been denied or only asked for, and what."""

    runs_checked: int
    runs_denied: int
    runs_asked: int
    runs: list[TriedAnswer]
