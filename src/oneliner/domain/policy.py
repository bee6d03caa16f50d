"""What a run may do: the policy layers, and what they add up to.

Each field of :class:`Rules` is a semilattice: two sayings have one strictest saying that implies both, so the order in
which layers are read cannot matter. The ordinary layers (system, platform, project, user) are joined that way; a live
admin override replaces the result in the fields it states, and is the only thing that can loosen. A run keeps what it
was promised as a :class:`GovernanceSnapshot`; :func:`tightened` adds what has been forbidden since.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from oneliner.domain.tool_rules import fits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from oneliner.domain.tool_rules import RuleBook

_ANY = "*"


class LayerName(StrEnum):
    """The levels at which rules are set, in the order in which they are read."""

    SYSTEM = "system"
    PLATFORM = "platform"
    PROJECT = "project"
    USER = "user"
    ADMIN_OVERRIDE = "admin_override"


class Confirmation(StrEnum):
    """Whether a chat run waits for a confirmation. A handoff always does."""

    NEVER = "never"
    ALWAYS = "always"


#: Lists that must each hold a pattern for a model: none allows every model, an empty list allows none.
ModelLists: TypeAlias = frozenset[frozenset[str]]
#: What each layer says about tools, in the order of the layers; the strictest verdict of all of them holds.
ToolBooks: TypeAlias = "tuple[tuple[LayerName, RuleBook], ...]"
ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class Rules:
    """What one layer says; None says nothing.

    ``allowed_models`` are patterns in which ``*`` stands for any characters. ``max_steps`` counts the model calls of a
    run, ``max_seconds`` its running time, ``max_output_tokens`` is for each model call, ``max_tool_calls`` for a run.
    ``schedule_confirmation`` says whether each run of a schedule waits for one.
    ``tools`` says which calls are allowed, asked for and denied; see ``domain.tool_rules``.
    ``approval_seconds`` is how long an approval is waited for. ``approvals`` are not rules but a user's standing answers
    to rules that ask, as ``TOOL#KEY``; see :func:`standing`.
    The budgets are nano-USD: for a run, and for a day (UTC) of a user, of a project and of everybody.
    """

    confirmation: Confirmation | None = None
    allowed_models: frozenset[str] | None = None
    max_steps: int | None = None
    max_seconds: int | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    tools: RuleBook | None = None
    schedule_confirmation: Confirmation | None = None
    run_budget: int | None = None
    user_day_budget: int | None = None
    project_day_budget: int | None = None
    day_budget: int | None = None
    approval_seconds: int | None = None
    approvals: frozenset[str] | None = None


FIELDS: tuple[str, ...] = tuple(f.name for f in fields(Rules))
#: The fields that are limits in nano-USD, and those that are numbers of something.
BUDGETS: tuple[str, ...] = ("run_budget", "user_day_budget", "project_day_budget", "day_budget")
COUNTS: tuple[str, ...] = ("max_steps", "max_seconds", "max_output_tokens", "max_tool_calls", "approval_seconds")

#: What holds where the system layer says nothing.
SYSTEM_DEFAULTS = Rules(
    confirmation=Confirmation.NEVER,
    max_steps=40,
    max_seconds=3_600,
    max_tool_calls=200,
    approval_seconds=86_400,
    schedule_confirmation=Confirmation.ALWAYS,
)


@dataclass(frozen=True, slots=True)
class Layer:
    """The rules of one level for one ``scope_key`` (a platform, a project, a user; empty for the system).

    ``expires_at_ms`` and ``notice`` belong to an admin override. A layer inside a snapshot keeps only its name, scope,
    version and rules.
    """

    name: LayerName
    scope_key: str
    rules: Rules
    version: int = 0
    updated_by: str = ""
    updated_at_ms: int = 0
    notice: str = ""
    expires_at_ms: int | None = None

    def is_live(self, now_ms: int) -> bool:
        """Whether it counts at *now_ms*: it has no expiry, or a later one."""
        return self.expires_at_ms is None or now_ms < self.expires_at_ms


@dataclass(frozen=True, slots=True)
class Decision(Generic[ValueT]):
    """The value of one field, the layer that decided it, and what each other layer said, in the layers' order."""

    value: ValueT
    decided_by: LayerName
    others: tuple[tuple[LayerName, ValueT], ...] = ()


@dataclass(frozen=True, slots=True)
class EffectivePolicy:
    """What the layers add up to, field by field. A limit of None is no limit."""

    confirmation: Decision[Confirmation]
    allowed_models: Decision[ModelLists]
    max_steps: Decision[int | None]
    max_seconds: Decision[int | None]
    max_output_tokens: Decision[int | None]
    max_tool_calls: Decision[int | None]
    tools: Decision[ToolBooks]
    schedule_confirmation: Decision[Confirmation]
    run_budget: Decision[int | None]
    user_day_budget: Decision[int | None]
    project_day_budget: Decision[int | None]
    day_budget: Decision[int | None]
    approval_seconds: Decision[int | None]
    approvals: Decision[frozenset[str]]

    @property
    def has_no_budget(self) -> bool:
        """Whether money is not limited at all."""
        return (
            self.run_budget.value is None
            and self.user_day_budget.value is None
            and self.project_day_budget.value is None
            and self.day_budget.value is None
        )

    def allows_model(self, model: str) -> bool:
        """Whether every list has a pattern for *model*."""
        return all(lists_model(patterns, model) for patterns in self.allowed_models.value)


@dataclass(frozen=True, slots=True)
class OverrideNotice:
    """What users are told while an admin override is live: why, until when, and whose it is."""

    notice: str
    expires_at_ms: int | None
    set_by: str


@dataclass(frozen=True, slots=True)
class GovernanceSnapshot:
    """What a run was promised when it was created: the layers that applied, and what they added up to."""

    project_id: str
    platform: str
    effective_policy: EffectivePolicy
    layers: tuple[Layer, ...]
    active_admin_override_notice: OverrideNotice | None = None


def effective(layers: Iterable[Layer], now_ms: int) -> EffectivePolicy:
    """What *layers* add up to at *now_ms*, in whatever order they come. Overrides that have expired do not count."""
    return _sum(_applicable(layers, now_ms))


def active_notice(layers: Iterable[Layer], now_ms: int) -> OverrideNotice | None:
    """The notice of the override that is live at *now_ms* (of several, the one set last), or None."""
    live = [la for la in layers if la.name is LayerName.ADMIN_OVERRIDE and la.is_live(now_ms)]
    if not live:
        return None
    last = max(live, key=lambda la: (la.updated_at_ms, la.scope_key))
    return OverrideNotice(last.notice, last.expires_at_ms, last.updated_by)


def take_snapshot(project_id: str, platform: str, layers: Iterable[Layer], now_ms: int) -> GovernanceSnapshot:
    """The snapshot for a run created at *now_ms* under *layers*; the system layer is in it even if none is stored."""
    given = tuple(layers)
    applicable = _applicable(given, now_ms)
    kept = tuple(Layer(la.name, la.scope_key, la.rules, la.version) for la in applicable)
    return GovernanceSnapshot(project_id, platform, _sum(applicable), kept, active_notice(given, now_ms))


def tightened(snapshot: EffectivePolicy, current: EffectivePolicy) -> EffectivePolicy:
    """The stricter of both in each field: what was forbidden since the snapshot holds, what was allowed since does not."""
    return EffectivePolicy(
        confirmation=_stricter(snapshot.confirmation, current.confirmation, _join_confirmation),
        allowed_models=_stricter(snapshot.allowed_models, current.allowed_models, _join_models),
        **{name: _stricter(getattr(snapshot, name), getattr(current, name), _join_limit) for name in _LIMITS},
        tools=_stricter(snapshot.tools, current.tools, _join_books),
        # No rule but an answer to one: given or taken back, it counts at once.
        approvals=current.approvals,
        schedule_confirmation=_stricter(
            snapshot.schedule_confirmation, current.schedule_confirmation, _join_confirmation
        ),
    )


def standing(tool: str, key: str) -> str:
    """The form of a standing approval: calls of *tool* for which the rule with *key* asks."""
    return f"{tool}#{key}"


def override_scopes(user_id: str, project_id: str) -> tuple[str, str, str]:
    """The scope keys of the admin overrides that can touch a run: everybody's, the project's, the user's."""
    return "", f"project:{project_id}", f"user:{user_id}"


def needs_confirmation(policy: EffectivePolicy, *, is_handoff: bool) -> bool:
    """Whether a new run waits for its confirmation."""
    return is_handoff or policy.confirmation.value is Confirmation.ALWAYS


def as_joined(field: str, name: LayerName, rules: Rules) -> Any:
    """What *rules* of the layer *name* say in *field*, in the form that :data:`JOINS` takes."""
    match field:
        case "confirmation" | "schedule_confirmation":
            return getattr(rules, field) or Confirmation.NEVER
        case "allowed_models":
            return _lists(rules) or frozenset()
        case "tools":
            return () if rules.tools is None else ((name, rules.tools),)
        case "approvals":
            return rules.approvals or frozenset()
        case _:
            return getattr(rules, field)


def _applicable(layers: Iterable[Layer], now_ms: int) -> list[Layer]:
    """The live layers in their order, the system layer first and with the defaults where it says nothing."""
    live = sorted(
        (la for la in layers if la.is_live(now_ms)), key=lambda la: (_RANK[la.name], la.scope_key, la.version)
    )
    system = next((la for la in live if la.name is LayerName.SYSTEM), Layer(LayerName.SYSTEM, "", Rules()))
    stated = {f: said for f in FIELDS if (said := getattr(system.rules, f)) is not None}
    filled = replace(system, rules=replace(SYSTEM_DEFAULTS, **stated))
    return [filled, *(la for la in live if la.name is not LayerName.SYSTEM)]


def _sum(layers: Sequence[Layer]) -> EffectivePolicy:
    return EffectivePolicy(
        confirmation=_decide(layers, lambda r: r.confirmation, Confirmation.NEVER, _join_confirmation),
        allowed_models=_decide(layers, _lists, frozenset(), _join_models),
        **{name: _decide(layers, attrgetter(name), None, _join_limit) for name in _LIMITS},
        tools=_decide_books(layers),
        approvals=_decide(layers, lambda r: r.approvals, frozenset(), frozenset.intersection),
        schedule_confirmation=_decide(
            layers, lambda r: r.schedule_confirmation, Confirmation.NEVER, _join_confirmation
        ),
    )


def _decide(
    layers: Sequence[Layer],
    read: Callable[[Rules], ValueT | None],
    loosest: ValueT,
    join: Callable[[ValueT, ValueT], ValueT],
) -> Decision[ValueT]:
    return _join_said([(la.name, value) for la in layers if (value := read(la.rules)) is not None], loosest, join)


def _join_said(
    said: Sequence[tuple[LayerName, ValueT]], loosest: ValueT, join: Callable[[ValueT, ValueT], ValueT]
) -> Decision[ValueT]:
    """The join of what is said, *loosest* where nobody says anything. The last layer that narrowed it decided."""
    overrides = [pair for pair in said if pair[0] is LayerName.ADMIN_OVERRIDE]
    counted = overrides or said
    if not counted:
        return Decision(loosest, LayerName.SYSTEM)
    decider = counted[0]
    value = decider[1]
    for pair in counted[1:]:
        narrowed = join(value, pair[1])
        if narrowed != value:
            value, decider = narrowed, pair
    return Decision(value, decider[0], tuple(pair for pair in said if pair is not decider))


def _decide_books(layers: Sequence[Layer]) -> Decision[ToolBooks]:
    """Every layer's own rules, each under its name, so that a verdict can say whose it is."""
    said = [(la.name, ((la.name, book),)) for la in layers if (book := la.rules.tools) is not None]
    return _join_said(said, (), _join_books) if said else _NO_BOOKS


def _stricter(
    snapshot: Decision[ValueT], current: Decision[ValueT], join: Callable[[ValueT, ValueT], ValueT]
) -> Decision[ValueT]:
    value = join(snapshot.value, current.value)
    if value == snapshot.value:
        return snapshot
    if value == current.value:
        return current
    # Both narrow it, each in its own way (only lists can): keep who said what, so that a denial can name its layer.
    others = (*snapshot.others, (snapshot.decided_by, snapshot.value), *current.others)
    return Decision(value, current.decided_by, tuple(dict.fromkeys(others)))


def _join_confirmation(one: Confirmation, other: Confirmation) -> Confirmation:
    return Confirmation.ALWAYS if Confirmation.ALWAYS in (one, other) else Confirmation.NEVER


def _join_limit(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)


def _join_models(one: ModelLists, other: ModelLists) -> ModelLists:
    both = one | other
    # A list that holds all of another one's patterns forbids nothing that the other allows.
    return frozenset(patterns for patterns in both if not any(narrower < patterns for narrower in both))


def _join_books(one: ToolBooks, other: ToolBooks) -> ToolBooks:
    if one == other or not other:
        return one
    return tuple(sorted({*one, *other}, key=lambda pair: (_RANK[pair[0]], repr(pair[1]))))


def _lists(rules: Rules) -> ModelLists | None:
    if rules.allowed_models is None:
        return None
    return frozenset() if _ANY in rules.allowed_models else frozenset((rules.allowed_models,))


def lists_model(patterns: frozenset[str], model: str) -> bool:
    """Whether one of *patterns* is for *model*."""
    return any(fits(pattern, model) for pattern in patterns)


_LIMITS = (*COUNTS, *BUDGETS)
#: The stricter of two values of each field. Fewer standing approvals are stricter.
JOINS: Mapping[str, Callable[[Any, Any], Any]] = {
    "confirmation": _join_confirmation,
    "allowed_models": _join_models,
    **dict.fromkeys(_LIMITS, _join_limit),
    "tools": _join_books,
    "approvals": frozenset.intersection,
    "schedule_confirmation": _join_confirmation,
}
_RANK: Mapping[LayerName, int] = {name: rank for rank, name in enumerate(LayerName)}
_NO_BOOKS: Decision[ToolBooks] = Decision((), LayerName.SYSTEM)
