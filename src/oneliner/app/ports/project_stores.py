"""Where what a project keeps beside its runs is: documents, schedules, MCP servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from oneliner.app.ports.values import Page, Scope
    from oneliner.domain.document import Access, Document, DocumentUse, DocumentVersion, SearchHit
    from oneliner.domain.mcp_server import McpEntry, McpServer
    from oneliner.domain.schedule import Fire, Schedule


class DocumentStore(Protocol):
    """Project documents, versioned."""

    def page(self, user_id: str, project_id: str, page: Page) -> list[Document]:
        """Documents of a user in a project by path; ``before`` is the path to go on after."""
        ...

    def of_user(self, user_id: str, after: str, limit: int) -> list[Document]:
        """Documents of a user in all projects that come after the id *after*, by id."""
        ...

    def find(self, user_id: str, project_id: str, path: str, *, lock: bool = False) -> Document | None:
        """One document by its path, or None; *lock*: nobody else writes it until the transaction is over."""
        ...

    def get(self, document_id: str, scope: Scope) -> Document:
        """One document. Raises NotFound."""
        ...

    def content(self, document_id: str, version: int) -> DocumentVersion:
        """One version with its text. Raises NotFound."""
        ...

    def versions(self, document_id: str, limit: int) -> list[DocumentVersion]:
        """Versions, newest first, without their text."""
        ...

    def write(self, document: Document, content: str, author: str, run_id: str) -> Document:
        """Store *content* as the next version of *document* (version 0: a new document)."""
        ...

    def search(self, user_id: str, project_id: str, query: str, limit: int) -> list[SearchHit]:
        """Documents whose path and newest version have every word of *query*, with an excerpt; those that hold it word
        for word first, then the last written.
        """
        ...

    def note_use(self, run_id: str, document_id: str, version: int, access: Access) -> None:
        """Remember that a run read or wrote a version; once is enough. ``write`` remembers what a run writes."""
        ...

    def of_run(self, run_id: str, limit: int) -> list[DocumentUse]:
        """What a run read and wrote, in the order in which it first did."""
        ...


class ScheduleStore(Protocol):
    """Schedules and their fires."""

    def add(self, schedule: Schedule) -> None:
        """Store a new schedule."""
        ...

    def get(self, schedule_id: str, scope: Scope, *, lock: bool = False) -> Schedule:
        """One schedule; with *lock* it does not fire before this transaction ends. Raises NotFound."""
        ...

    def page(self, scope: Scope, page: Page, project_id: str | None) -> list[Schedule]:
        """Schedules, newest first."""
        ...

    def count(self, user_id: str) -> int:
        """How many schedules a user has."""
        ...

    def set_next(self, schedule_id: str, *, paused: bool, next_due_at: int | None) -> Schedule:
        """Say when it is due next (ms). Raises NotFound."""
        ...

    def replace(self, schedule: Schedule) -> Schedule:
        """Write what *schedule* says over the row of its id; the row after it. Raises NotFound."""
        ...

    def delete(self, schedule_id: str) -> None:
        """Forget a schedule and its fires."""
        ...

    def due(self, limit: int) -> list[str]:
        """The schedules that are due."""
        ...

    def lock_due(self, schedule_id: str) -> Schedule | None:
        """Lock a schedule that is due; None when it is not due any more."""
        ...

    def add_fire(self, fire: Fire) -> None:
        """Store a fire; there is one for each due time."""
        ...

    def fires(self, schedule_id: str, limit: int, before_due: int | None) -> list[Fire]:
        """The fires of a schedule, newest first."""
        ...


class McpServerStore(Protocol):
    """MCP servers that were configured over the API."""

    def all(self) -> list[McpEntry]:
        """Every server, by name."""
        ...

    def get(self, name: str) -> McpEntry | None:
        """One server, or None when there is none of that name."""
        ...

    def put(self, server: McpServer, author: str) -> McpEntry:
        """Store *server* as its next version."""
        ...

    def remove(self, name: str) -> bool:
        """Forget a server; False: there was none of that name."""
        ...
