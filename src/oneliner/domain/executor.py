"""Executors: who can carry out work besides the main agent.

An executor is a named specialist with instructions, a model, tools and limits of its own. What its definition says only
ever narrows what the rules allow: a tool that it does not list does not exist for it, and a limit of its own holds beside
the policy's, the smaller of the two. A :class:`Roster` is all of them that a deployment knows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, cast

from oneliner.domain.errors import Invalid
from oneliner.domain.tool_rules import fits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from oneliner.domain.policy import EffectivePolicy

#: The executor that carries out what nobody else was chosen for. Every deployment has it, and it is defined nowhere.
MAIN_EXECUTOR = "main"
#: So deep may work be handed on: the run's executor asks one, and that one another.
MAX_DEPTH = 2
MAX_EXECUTORS = 200
MAX_TEXT_CHARS = 50_000
MAX_DESCRIPTION_CHARS = 1_000
LARGEST_LIMIT = 1_000_000
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_LISTS = ("fallbacks", "tools", "delegates_to")
_LIMITS = ("max_steps", "max_tool_calls", "max_output_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """A named specialist.

    ``description`` says to whoever may ask it what it is good for, ``instructions`` to its own model how it works.
    ``model`` is the deployment's when it is empty, with the deployment's fallbacks; one of its own comes with its own
    ``fallbacks``. ``tools`` and ``delegates_to`` are patterns in which ``*`` stands for any characters: which tools it
    has, and which other executors it may ask. The limits count in one piece of work, which is the run that it carries
    out or the task that was delegated to it: calls of its model, calls of tools, and tokens of each answer.

    Raises Invalid: a name, pattern or limit that is none.
    """

    name: str
    description: str = ""
    instructions: str = ""
    model: str = ""
    fallbacks: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    delegates_to: tuple[str, ...] = ()
    max_steps: int | None = None
    max_tool_calls: int | None = None
    max_output_tokens: int | None = None

    def __post_init__(self) -> None:
        _check_name(self.name)
        for field in _LISTS:
            object.__setattr__(self, field, _strings(self.name, field, getattr(self, field)))
        for field, longest in (
            ("description", MAX_DESCRIPTION_CHARS),
            ("instructions", MAX_TEXT_CHARS),
            ("model", 200),
        ):
            _check_text(self.name, field, getattr(self, field), longest)
        for field in _LIMITS:
            _check_limit(self.name, field, getattr(self, field))
        if self.fallbacks and not self.model:
            raise Invalid(f"executor {self.name!r} has fallbacks and no model of its own; name it", field="fallbacks")

    def has_tool(self, name: str) -> bool:
        """Whether the tool *name* is one of its own."""
        return any(fits(pattern, name) for pattern in self.tools)

    def may_ask(self, other: str) -> bool:
        """Whether it may delegate to the executor *other*."""
        return other != self.name and any(fits(pattern, other) for pattern in self.delegates_to)


class Roster:
    """The executors that a deployment knows: the main agent and *specialists*, by name and in their order. A function
    does the work of those named in *functions*, in place of a model.

    Raises Invalid: two have one name, or one may ask somebody who is not there.
    """

    def __init__(self, specialists: Iterable[Executor] = (), functions: frozenset[str] = frozenset()) -> None:
        self.functions = functions
        # The main agent has every tool and may ask every specialist; what limits it is the policy.
        main = Executor(name=MAIN_EXECUTOR, description="The main agent", tools=("*",), delegates_to=("*",))
        self._by_name = {MAIN_EXECUTOR: main}
        for one in specialists:
            if one.name in self._by_name:
                raise Invalid(f"two executors are called {one.name!r}; give one another name", executor=one.name)
            self._by_name[one.name] = one
        if len(self._by_name) > MAX_EXECUTORS:
            raise Invalid(f"{len(self._by_name) - 1} executors are more than {MAX_EXECUTORS - 1}")
        for one in self.specialists:
            _check_delegates(one, self._by_name)

    def __iter__(self) -> Iterator[Executor]:
        return iter(self._by_name.values())

    @property
    def specialists(self) -> tuple[Executor, ...]:
        """All but the main agent."""
        return tuple(self._by_name.values())[1:]

    def find(self, name: str) -> Executor:
        """The executor *name*. Raises Invalid, with the names there are: nobody is called so."""
        found = self._by_name.get(name)
        if found is None:
            known = ", ".join(self._by_name)
            raise Invalid(
                f"there is no executor {name!r}; there are: {known}", field="executor", known=list(self._by_name)
            )
        return found

    def model_of(self, name: str) -> str:
        """The model of the executor *name*; empty where that is the deployment's, or nobody is called so."""
        found = self._by_name.get(name)
        return "" if found is None else found.model

    def asked_by(self, name: str, above: tuple[str, ...] = ()) -> tuple[Executor, ...]:
        """Whom the executor *name* may ask when it works for those *above* it, the run's executor first: nobody twice in
        one line, and no line longer than :data:`MAX_DEPTH` allows. Raises Invalid: nobody is called so.
        """
        asking = self.find(name)
        if len(above) >= MAX_DEPTH:
            return ()
        return tuple(one for one in self.specialists if asking.may_ask(one.name) and one.name not in above)


def limited(policy: EffectivePolicy, executor: Executor | None) -> EffectivePolicy:
    """*policy* as it holds for each call of the model of *executor* (None: one without limits of its own)."""
    own = None if executor is None else executor.max_output_tokens
    allowed = policy.max_output_tokens
    if own is None or (allowed.value is not None and allowed.value <= own):
        return policy
    return replace(policy, max_output_tokens=replace(allowed, value=own))


def executors_from_document(document: object) -> list[Executor]:
    """The executors of a parsed TOML document: one table ``executors.NAME`` for each. Raises Invalid: something in it is
    wrong; the message says where.
    """
    tables = document.get("executors") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(tables, dict) or set(document) != {"executors"}:
        raise Invalid("the file holds a table [executors.NAME] for each executor, and nothing besides")
    return [_from_table(str(name), table) for name, table in tables.items()]


def _from_table(name: str, table: object) -> Executor:
    _check_name(name)
    if not isinstance(table, dict):
        raise Invalid(f"executor {name!r} must be a table", executor=name)
    known = {f.name for f in fields(Executor)} - {"name"}
    unknown = sorted(set(table) - known)
    if unknown:
        raise Invalid(
            f"executor {name!r} has no field {unknown[0]!r}; there are: {', '.join(sorted(known))}", executor=name
        )
    return Executor(name=name, **cast("Mapping[str, object]", table))  # pyright: ignore[reportArgumentType] - checked there


def _check_name(name: object) -> None:
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise Invalid(f"{name!r} is no name for an executor: a small letter, then up to 63 of a-z, 0-9, _ and -")


def _strings(name: str, field: str, value: object) -> tuple[str, ...]:
    if isinstance(value, list | tuple) and all(isinstance(v, str) and v.strip() for v in value):
        return tuple(cast("Iterable[str]", value))
    raise Invalid(f"{field} of executor {name!r} must be a list of names or patterns", executor=name, field=field)


def _check_text(name: str, field: str, value: object, longest: int) -> None:
    if not isinstance(value, str) or len(value) > longest:
        raise Invalid(f"{field} of executor {name!r} must be text of at most {longest} characters", executor=name)


def _check_limit(name: str, field: str, value: object) -> None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LARGEST_LIMIT):
        raise Invalid(f"{field} of executor {name!r} must be a whole number from 1 to {LARGEST_LIMIT}", executor=name)


def _check_delegates(one: Executor, known: Mapping[str, Executor]) -> None:
    for pattern in one.delegates_to:
        if not any(fits(pattern, other) for other in known if other not in (MAIN_EXECUTOR, one.name)):
            raise Invalid(
                f"executor {one.name!r} delegates to {pattern!r}, and there is no such executor", executor=one.name
            )
