"""Tool rules as the API takes and answers them; ``domain.tool_rules`` says what they mean."""

# Pydantic looks at the annotations while the program runs, so what they name must be there then.
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from oneliner.domain.policy import LayerName
from oneliner.domain.tool_rules import Operator, Verdict
from oneliner.domain.tool_rules_json import MAX_CHARS, MAX_CONDITIONS, MAX_RULES, MAX_VALUES

_Text = Annotated[str, Field(max_length=MAX_CHARS)]
_Scalar = _Text | int | float | bool | None
_Pointer = Annotated[
    _Text,
    Field(description="A JSON pointer into the arguments; `*` in it is each element.", examples=["/amount", "/to/*"]),
]
_Name = Annotated[str, Field(max_length=200, description="A name, in which `*` stands for any characters.")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ToolCondition(_Part):
    """One comparison of an argument."""

    at: _Pointer
    op: Operator
    value: _Scalar | Annotated[list[_Scalar], Field(max_length=MAX_VALUES)] = None


class ToolRuleForm(_Part):
    """A verdict on the calls of some tools, when all conditions hold."""

    tool: _Name
    verdict: Verdict
    when: Annotated[list[ToolCondition], Field(max_length=MAX_CONDITIONS)] = []
    executor: _Name = "*"
    note: Annotated[_Text, Field(description="Why, for those it stops.")] = ""


class ToolRules(_Part):
    """What a layer says about tools: the strictest fitting rule, else the default."""

    default: Annotated[
        Verdict | None, Field(description="For tools that change something; those that only read are allowed.")
    ] = None
    rules: Annotated[list[ToolRuleForm], Field(max_length=MAX_RULES)] = []


class LayerToolRules(ToolRules):
    """The tool rules of one layer; of all layers the strictest verdict holds."""

    layer: LayerName
