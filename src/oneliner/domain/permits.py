"""The only way to a model or a tool: a permit, which only a check against the effective policy hands out.

:class:`~oneliner.app.model.Question` is made from a :class:`ModelPermit` and ``Tools.call`` takes a
:class:`CallPermit`, so code that has not asked the rules has nothing to call with. A permit is good for exactly what
was checked: this model, or this tool with these arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from oneliner.domain.errors import PolicyDenied
from oneliner.domain.policy import lists_model
from oneliner.domain.tool_rules import Ruling, ToolUse, Verdict, arguments_hash, describe, rule_on

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneliner.domain.policy import EffectivePolicy

_SEAL: Final = object()


@dataclass(frozen=True, slots=True)
class Arguments:
    """Checked arguments of a tool: *values* are what it is called with, *said* the same as plain JSON values, with
    defaults filled in, which is what rules and people judge.
    """

    values: Mapping[str, object]
    said: Mapping[str, object]


@final
class ModelPermit:
    """The right to ask one model; see :func:`check_model`."""

    __slots__ = ("_model",)

    def __init__(self, seal: object, model: str) -> None:
        _check_seal(seal)
        self._model = model

    @property
    def model(self) -> str:
        """The model that may be asked."""
        return self._model


@final
class CallPermit:
    """The right to call one tool with one set of arguments; see :func:`check_call`."""

    __slots__ = ("_arguments", "_tool")

    def __init__(self, seal: object, tool: str, arguments: Mapping[str, object]) -> None:
        _check_seal(seal)
        self._tool = tool
        self._arguments = arguments

    @property
    def tool(self) -> str:
        """The tool that may be called."""
        return self._tool

    @property
    def arguments(self) -> Mapping[str, object]:
        """The values it is called with."""
        return self._arguments


class NeedsApproval(PolicyDenied):
    """A rule asks for a person's approval, and there is none for these arguments."""

    code = "needs_approval"


def check_model(policy: EffectivePolicy, model: str) -> ModelPermit:
    """The permit to ask *model*. Raises PolicyDenied: some list of *policy* has no pattern for it."""
    decision = policy.allowed_models
    for patterns in sorted(decision.value, key=sorted):
        if lists_model(patterns, model):
            continue
        layer = next((name for name, lists in decision.others if patterns in lists), decision.decided_by)
        allowed = ", ".join(sorted(patterns)) or "no model at all"
        raise PolicyDenied(
            f"the {layer} layer does not allow model {model!r}; it allows {allowed}. "
            "Use an allowed model, or ask an administrator to change the layer or to override it",
            field="allowed_models",
            layer=str(layer),
            model=model,
        )
    return ModelPermit(_SEAL, model)


def check_call(
    policy: EffectivePolicy, *, tool: str, reads: bool, executor: str, arguments: Arguments, approved_hash: str = ""
) -> CallPermit:
    """The permit to call *tool*, which changes nothing if it *reads*, with *arguments*.

    *approved_hash* is the hash of the arguments that a person has approved for this call. Raises PolicyDenied: a rule
    denies it; NeedsApproval: a rule asks, and these are not the approved arguments.
    """
    ruling = judge(policy, ToolUse(tool, arguments.said, reads, executor))
    if ruling.verdict is Verdict.DENY:
        raise denied(ruling, tool)
    if ruling.verdict is Verdict.ASK and arguments_hash(arguments.said) != approved_hash:
        raise _unapproved(ruling, tool)
    return CallPermit(_SEAL, tool, arguments.values)


def judge(policy: EffectivePolicy, use: ToolUse) -> Ruling:
    """What the tool rules of *policy* say about *use*."""
    books = policy.tools.value
    if not books:
        return _NOTHING_SAID
    return rule_on(((str(layer), book) for layer, book in books), use)


def denied(ruling: Ruling, tool: str) -> PolicyDenied:
    """The refusal that *ruling* stands for, naming its layer and rule."""
    saying = ruling.sayings[0]
    return PolicyDenied(
        f"denied: {describe(saying)} says {ruling.verdict}",
        field="tools",
        layer=saying.layer,
        tool=tool,
        verdict=str(ruling.verdict),
    )


def _unapproved(ruling: Ruling, tool: str) -> NeedsApproval:
    saying = ruling.sayings[0]
    return NeedsApproval(
        f"{describe(saying)} asks for an approval, and there is none for this call",
        field="tools",
        layer=saying.layer,
        tool=tool,
        verdict=str(ruling.verdict),
    )


def _check_seal(seal: object) -> None:
    if seal is not _SEAL:
        raise TypeError("a permit comes from check_model or check_call, from nowhere else")


_NOTHING_SAID = Ruling(Verdict.ALLOW, ())
