"""From a typed function to what a model is told about it: name, description, JSON Schema.

Arguments are checked by a pydantic model made of the parameters. Its fields have neutral names and the parameters are
their aliases, so that a parameter may have any name, also one that a pydantic model uses itself (``json``, ``copy``).
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin, get_type_hints

import docstring_parser
from docstring_parser import Docstring, ParseError
from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from oneliner.app.model import ToolSpec
from oneliner.app.tools import CallContext
from oneliner.domain.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oneliner.adapters.tools.declaration import ToolMark

_PASSED_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class Declared:
    """A function as a tool.

    ``parameters`` are (field of ``arguments``, parameter); ``context`` names the parameter that takes the ToolContext.
    """

    spec: ToolSpec
    function: Callable[..., object]
    is_async: bool
    arguments: type[BaseModel]
    parameters: tuple[tuple[str, str], ...]
    context: str | None


class _Schema(GenerateJsonSchema):
    """JSON Schema without the titles, which repeat the names, and silent about a default that has no JSON form."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - the base class's own form

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - overrides
        return False


def declare(function: Callable[..., object], mark: ToolMark) -> Declared:
    """*function* as a tool. Raises Invalid: it cannot be one; the message names the parameter and what to write."""
    plain = inspect.unwrap(function)
    if inspect.isgeneratorfunction(plain) or inspect.isasyncgenfunction(plain):
        raise _refused(mark, "it yields; return the whole result instead")
    hints = _hints(function, mark)
    parameters = inspect.signature(function).parameters
    contexts = [name for name in parameters if _is_context(hints.get(name))]
    if len(contexts) > 1:
        raise _refused(mark, f"{' and '.join(contexts)} both take the ToolContext; one parameter can")
    shown = {name: parameter for name, parameter in parameters.items() if name not in contexts}
    for parameter in shown.values():
        _check(parameter, hints, mark)
    text = _docstring(plain)
    arguments = _arguments(mark, shown, hints, {p.arg_name: p.description or "" for p in text.params})
    return Declared(
        spec=ToolSpec(
            name=mark.name,
            description=_first_paragraph(text) or mark.name.replace("_", " "),
            parameters=_json_schema(arguments, mark),
            read_only=mark.read_only,
            idempotent=mark.idempotent,
            timeout_seconds=mark.timeout_seconds,
        ),
        function=function,
        is_async=inspect.iscoroutinefunction(plain),
        arguments=arguments,
        parameters=tuple((_field_name(n), name) for n, name in enumerate(shown)),
        context=contexts[0] if contexts else None,
    )


def _refused(mark: ToolMark, what: str) -> Invalid:
    return Invalid(f"tool {mark.name!r} cannot be registered: {what}", tool=mark.name)


def _hints(function: Callable[..., object], mark: ToolMark) -> Mapping[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except NameError as error:
        what = f"its annotations name {error.name!r}, which its module does not have at run time; import it there"
        raise _refused(mark, what) from error


def _is_context(hint: object) -> bool:
    if get_origin(hint) in (Union, UnionType):
        return any(_is_context(part) for part in get_args(hint))
    return hint is CallContext


def _check(parameter: inspect.Parameter, hints: Mapping[str, Any], mark: ToolMark) -> None:
    if parameter.kind not in _PASSED_BY_NAME:
        raise _refused(mark, f"{str(parameter)!r} cannot be passed by name; a tool takes named parameters only")
    if parameter.name not in hints:
        raise _refused(mark, f"parameter {parameter.name!r} has no type; write for example {parameter.name}: str")


def _arguments(
    mark: ToolMark, shown: Mapping[str, inspect.Parameter], hints: Mapping[str, Any], described: Mapping[str, str]
) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for n, (name, parameter) in enumerate(shown.items()):
        default: Any = ... if parameter.default is inspect.Parameter.empty else parameter.default
        said = default.description if isinstance(default, FieldInfo) else None
        said = said or FieldInfo.from_annotation(hints[name]).description or described.get(name) or None
        fields[_field_name(n)] = (Annotated[hints[name], Field(alias=name, description=said)], default)
    try:
        return create_model(mark.name, __config__=ConfigDict(extra="forbid"), **fields)
    except (PydanticUserError, PydanticUndefinedAnnotation) as error:
        raise _refused(mark, f"a parameter's type cannot be checked: {error.message}") from error


def _field_name(n: int) -> str:
    return f"p{n}"


def _json_schema(arguments: type[BaseModel], mark: ToolMark) -> dict[str, object]:
    try:
        schema = arguments.model_json_schema(by_alias=True, schema_generator=_Schema)
    except PydanticUserError as error:
        raise _refused(mark, f"a parameter's type has no JSON Schema: {error.message}") from error
    schema.pop("title", None)
    return schema


def _docstring(function: Callable[..., object]) -> Docstring:
    text = inspect.getdoc(function) or ""
    try:
        return docstring_parser.parse(text)
    except ParseError:
        # Not in any of the known styles: the whole is a description.
        plain = Docstring()
        plain.short_description = text
        return plain


def _first_paragraph(text: Docstring) -> str:
    paragraph = text.short_description or ""
    if not text.blank_after_short_description and text.long_description:
        paragraph = f"{paragraph} {text.long_description}"
    return " ".join(paragraph.split("\n\n", 1)[0].split())
