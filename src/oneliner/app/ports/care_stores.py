"""Where the care of the data is kept: idempotency keys, the audit log, retention, what is purged, and what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from oneliner.app.ports.values import AuditFilter, Backlog, Page
    from oneliner.domain.audit import AuditEntry
    from oneliner.domain.retention import RetentionRule


class KeyStore(Protocol):
    """Idempotency keys with the answers that were given."""

    def find(self, user_id: str, route: str, key: str) -> tuple[str, int, str] | None:
        """What was answered: (hash of the request's body, status, JSON text). Locks the key against another request
        with it. Raises RequestInFlight: one is being answered right now.
        """
        ...

    def keep(self, user_id: str, route: str, key: str, body_hash: str, status: int, answer: str) -> None:
        """Remember the answer."""
        ...

    def purge(self, older_than_ms: int) -> int:
        """Forget keys made before a time; how many."""
        ...


class AuditStore(Protocol):
    """The audit log, append-only."""

    def add(self, entry: AuditEntry) -> None:
        """Write a line."""
        ...

    def page(self, page: Page, only: AuditFilter) -> list[AuditEntry]:
        """Lines, newest first."""
        ...


class RetentionStore(Protocol):
    """For how long the sessions of projects are kept."""

    def put(self, project_id: str, keep_days: int, author: str) -> RetentionRule:
        """Write the rule of a project."""
        ...

    def remove(self, project_id: str) -> bool:
        """Forget the rule of a project; whether there was one."""
        ...

    def page(self, page: Page) -> list[RetentionRule]:
        """Rules by project; ``before`` is the project to go on after."""
        ...

    def expired(self, limit: int) -> list[str]:
        """The ids of sessions that are kept for longer than the rule of their project says: not deleted, and without a
        run that has not ended.
        """
        ...

    def is_expired(self, session_id: str) -> bool:
        """Whether one session is."""
        ...


class PurgeStore(Protocol):
    """What is to be purged. A session is due once it is deleted and nobody writes to it any more."""

    def due(self, deleted_before_ms: int, after: str, limit: int) -> list[str]:
        """The ids of due sessions that come after the id *after*, in their order."""
        ...

    def is_due(self, session_id: str, deleted_before_ms: int) -> bool:
        """Whether one session is due."""
        ...

    def of_erased(self, after: str, limit: int, user_id: str | None = None) -> list[str]:
        """The ids of sessions of erased users (of one of them) that are not purged yet, after the id *after*."""
        ...

    def drop_belongings(self) -> None:
        """Delete what else is kept of erased users: documents, their policy layers, saved views, sign-in codes,
        answers that were kept for idempotency keys.
        """
        ...

    def empty(self, session_id: str) -> None:
        """Take the content out of a session, its messages, runs, run events and tool calls, and mark them as purged."""
        ...


class BacklogStore(Protocol):
    """What waits and what is at work, over all users: for whoever watches the deployment."""

    def look(self, limit: int) -> Backlog:
        """How it is now; nothing is counted beyond *limit*."""
        ...
