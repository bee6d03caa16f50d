"""Users, and who is calling."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from oneliner.domain.errors import Forbidden


class UserStatus(StrEnum):
    """Whether a user may work. What was known of an erased one is gone; his id stays as the key of his bills."""

    APPROVED = "approved"
    PENDING = "pending"
    SUSPENDED = "suspended"
    ERASED = "erased"


class Authority(StrEnum):
    """What a token's ``role`` claim grants."""

    MEMBER = "member"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a verified token says is calling. ``projects`` is None when the token names none: any name the host passes."""

    user_id: str
    authority: Authority = Authority.MEMBER
    name: str = ""
    projects: frozenset[str] | None = None

    @property
    def is_admin(self) -> bool:
        """True for administrators, who see everything."""
        return self.authority is Authority.ADMIN

    def check_project(self, project_id: str) -> None:
        """Raises Forbidden: the token names its projects and *project_id* is none of them. No project is always fine."""
        if project_id and self.projects is not None and not self.is_admin and project_id not in self.projects:
            raise Forbidden(f"this token may not use project {project_id!r}", project_id=project_id)

    def check_admin(self) -> None:
        """Raises Forbidden: the caller is no administrator."""
        if not self.is_admin:
            raise Forbidden("only an administrator may do this")


@dataclass(frozen=True, slots=True)
class User:
    """A user as stored. ``created_at`` in ms."""

    id: str
    name: str
    status: UserStatus
    created_at: int
