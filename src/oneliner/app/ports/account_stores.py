"""Where users, what they use and what they may is kept: users, sign-in, saved views, usage, budgets, rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from oneliner.app.ports.values import Page, UsageFilter, UsageRow
    from oneliner.domain.budget import Counter, CounterKey
    from oneliner.domain.policy import Layer, LayerName, Rules
    from oneliner.domain.saved_view import SavedView
    from oneliner.domain.user import Caller, User, UserStatus


class UserStore(Protocol):
    """Users, created at their first valid token."""

    def admit(self, caller: Caller, status_if_new: UserStatus) -> User:
        """The user behind *caller*, created with *status_if_new* when unknown."""
        ...

    def find(self, user_id: str) -> User | None:
        """One user, or None when he is unknown."""
        ...

    def page(self, page: Page) -> list[User]:
        """Users by id; ``before`` is the id to go on after."""
        ...

    def set_status(self, user_id: str, status: UserStatus) -> User:
        """The user with another status. Raises NotFound."""
        ...

    def erase(self, user_id: str) -> None:
        """Forget the name of a user and mark him as erased. Raises NotFound."""
        ...

    def advance_cursor(self, user_id: str, count: int, project_id: str) -> tuple[int, bool]:
        """The user's event cursor after *count* more events of a project, and whether a webhook endpoint listens to it:
        asked along, because every event comes by here, and a statement of its own would cost each of them.
        """
        ...


class SignInCodeStore(Protocol):
    """One-time sign-in codes, known only by their hash."""

    def add(self, code_hash: str, user_id: str, role: str, ttl_ms: int) -> None:
        """Let a code sign *user_id* in once, for a while."""
        ...

    def take(self, code_hash: str) -> tuple[str, str] | None:
        """The user and role of a code, which is used up by it; None when it is unknown, used or expired."""
        ...


class SavedViewStore(Protocol):
    """Saved views, each of one user."""

    def of_user(self, user_id: str) -> list[SavedView]:
        """All of a user, in the order in which they were first saved."""
        ...

    def put(self, user_id: str, name: str, query: str) -> SavedView:
        """Write the view of that name."""
        ...

    def remove(self, user_id: str, name: str) -> bool:
        """Forget a view; whether there was one."""
        ...


class UsageStore(Protocol):
    """The bill: sums over the messages."""

    def lines(self, group_by: str, only: UsageFilter, page: Page) -> list[UsageRow]:
        """By ``day`` (days since 1970), ``project``, ``user``, ``session``, ``run``, ``model``, ``tool`` or
        ``executor``, the greatest key first; ``before`` is the key of the line before.
        """
        ...

    def total(self, only: UsageFilter) -> UsageRow:
        """The sum of all lines, by whatever."""
        ...


class BudgetStore(Protocol):
    """Counters of budgets. A counter that is not there yet begins with what the messages of its day (or run) say."""

    def reserve(self, key: CounterKey, nanos: int) -> Counter:
        """Lock a counter and add to what is reserved in it; the counter after it."""
        ...

    def settle(self, key: CounterKey, reserved: int, cost: int) -> None:
        """Take back what was reserved and add what was spent, in nano-USD."""
        ...

    def grant(self, key: CounterKey, nanos: int) -> None:
        """Give more on top of the limit."""
        ...

    def read(self, key: CounterKey) -> Counter:
        """A counter as it stands."""
        ...

    def recount(self) -> None:
        """Have every counter begin again from the messages: which calls are counted has changed."""
        ...


class PolicyStore(Protocol):
    """Policy layers and their history."""

    def layers(self, user_id: str, project_id: str, platform: str) -> list[Layer]:
        """Every layer that applies, strictest order not implied."""
        ...

    def get(self, name: LayerName, scope_key: str, *, lock: bool = False) -> Layer | None:
        """One layer as it is now; with *lock* nobody else writes it before this transaction ends."""
        ...

    def put(
        self, name: LayerName, scope_key: str, rules: Rules | None, author: str, notice: str, expires_at_ms: int | None
    ) -> Layer:
        """Write a new version of a layer (None removes its rules) and keep the old one in the history."""
        ...

    def version(self, name: LayerName, scope_key: str, number: int) -> Layer | None:
        """A layer as it was in its version *number*, or None when it had none."""
        ...

    def all(self) -> list[Layer]:
        """Every layer as it is now, of everybody."""
        ...

    def history(self, name: LayerName | None, scope_key: str | None, page: Page) -> list[tuple[str, Layer]]:
        """Versions with their history id, newest first; ``before`` is a history id."""
        ...
