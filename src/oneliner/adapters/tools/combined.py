"""Several sources of tools as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneliner.app.tools import UnknownTool
from oneliner.domain.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from oneliner.app.model import ToolSpec
    from oneliner.app.tools import CallContext, Tools
    from oneliner.domain.permits import Arguments, CallPermit


class CombinedTools:
    """The tools of all *sources*, in their order.

    A source whose tools change shows what it has now; should a name then be taken twice, the earlier source has it.
    Raises Invalid: two sources have a tool of one name, or one has a tool of a name that is *reserved*.
    """

    def __init__(self, sources: Sequence[Tools], reserved: Collection[str] = ()) -> None:
        self._sources = tuple(sources)
        names = [spec.name for source in sources for spec in source.specs()]
        taken = sorted(set(names) & set(reserved))
        if taken:
            raise Invalid(
                f"a tool is called {taken[0]!r}, as one of the runtime's own; give it another name", tool=taken[0]
            )
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise Invalid(f"two sources have a tool called {twice[0]!r}; give one another name", tool=twice[0])

    def specs(self) -> Sequence[ToolSpec]:
        """Every tool, in the order of the sources."""
        first: dict[str, ToolSpec] = {}
        for source in self._sources:
            for spec in source.specs():
                first.setdefault(spec.name, spec)
        return list(first.values())

    def spec(self, name: str) -> ToolSpec:
        """The tool called *name*. Raises UnknownTool: no source has it."""
        return self._found(name)[1]

    def parse(self, name: str, arguments: str) -> Arguments:
        """The arguments as checked by the source that has *name*. Raises UnknownTool, BadArguments."""
        return self._found(name)[0].parse(name, arguments)

    async def call(self, permit: CallPermit, context: CallContext) -> str:
        """The answer of the source that has the permitted tool. Raises UnknownTool, ToolFailed."""
        return await self._found(permit.tool)[0].call(permit, context)

    async def close(self) -> None:
        """Close every source, the last one first."""
        for source in reversed(self._sources):
            await source.close()

    def _found(self, name: str) -> tuple[Tools, ToolSpec]:
        for source in self._sources:
            try:
                return source, source.spec(name)
            except UnknownTool:
                continue
        raise UnknownTool(f"there is no tool {name!r}", tool=name)
