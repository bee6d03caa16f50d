"""Several sources of tools as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneliner.app.tools import ToolFailed, UnknownTool
from oneliner.domain.errors import Invalid
from oneliner.domain.secret import hider

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from oneliner.app.model import ToolSpec
    from oneliner.app.tools import CallContext, Tools
    from oneliner.domain.permits import Arguments, CallPermit


class CombinedTools:
    """The tools of all *sources*, in their order. What they say comes without the *secrets* of this process: a tool that is
    led to its environment or quotes it in an error hands none of them to a model.

    A source whose tools change shows what it has now; should a name then be taken twice, the earlier source has it.
    Raises Invalid: two sources have a tool of one name, or one has a tool of a name that is *reserved*.
    """

    def __init__(
        self, sources: Sequence[Tools], *, secrets: Iterable[str] = (), reserved: Collection[str] = ()
    ) -> None:
        self._sources = tuple(sources)
        self._without_secrets = hider(secrets)
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
        try:
            return self._without_secrets(await self._found(permit.tool)[0].call(permit, context))
        except ToolFailed as failure:
            failure.message = self._without_secrets(failure.message)
            raise

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
