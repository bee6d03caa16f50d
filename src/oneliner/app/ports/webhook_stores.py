"""Where webhooks are kept: the endpoints, and the log of what was and is to be delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneliner.app.ports.values import Page
    from oneliner.domain.webhook import DeliveryAttempt, DeliveryStatus, WebhookDelivery, WebhookEndpoint


class WebhookStore(Protocol):
    """Webhook endpoints."""

    def add(self, endpoint: WebhookEndpoint) -> None:
        """Store a new endpoint."""
        ...

    def find(self, endpoint_id: str) -> WebhookEndpoint | None:
        """One endpoint, or None."""
        ...

    def get(self, endpoint_id: str, *, lock: bool = False) -> WebhookEndpoint:
        """One endpoint; *lock*: nobody else changes it until the transaction is over. Raises NotFound."""
        ...

    def page(self, page: Page, project_id: str | None) -> list[WebhookEndpoint]:
        """Endpoints, newest first."""
        ...

    def count(self) -> int:
        """How many there are."""
        ...

    def listening(self, project_id: str) -> list[WebhookEndpoint]:
        """The enabled endpoints that hear events of a project."""
        ...

    def due(self, key_id: str) -> list[str]:
        """The ids of the enabled endpoints, sealed with a key, that have deliveries due."""
        ...

    def save(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        """Write what can change of an endpoint; the endpoint as it is now."""
        ...

    def note_failing(self, endpoint_id: str, since_ms: int | None) -> int | None:
        """Say that it has been failing since a time, unless that is known already, or that it is not (None); since when
        it has been failing.
        """
        ...

    def delete(self, endpoint_id: str) -> None:
        """Forget an endpoint."""
        ...


class DeliveryStore(Protocol):
    """Deliveries with their attempts."""

    def add(self, deliveries: Sequence[WebhookDelivery]) -> None:
        """Store new deliveries."""
        ...

    def get(self, endpoint_id: str, delivery_id: str) -> WebhookDelivery:
        """One delivery of an endpoint. Raises NotFound."""
        ...

    def page(self, endpoint_id: str, page: Page, status: DeliveryStatus | None) -> list[WebhookDelivery]:
        """Deliveries of an endpoint, newest first."""
        ...

    def due(self, endpoint_id: str, limit: int) -> list[str]:
        """The ids of the deliveries of an endpoint that are due, the longest due first."""
        ...

    def claim(self, delivery_id: str, lease_ms: int) -> WebhookDelivery | None:
        """Begin an attempt of a delivery that is due, which nobody else begins for as long as the lease lasts; None when
        it is not due any more.
        """
        ...

    def settle(self, delivery: WebhookDelivery, status: DeliveryStatus, next_attempt_at: int | None) -> bool:
        """End the attempt that *delivery* was claimed for; whether it was still the newest."""
        ...

    def restart(self, endpoint_id: str, delivery_id: str) -> WebhookDelivery:
        """Make a delivery due now, whatever became of it. Raises NotFound."""
        ...

    def add_attempt(self, attempt: DeliveryAttempt) -> None:
        """Write down an attempt."""
        ...

    def attempts(self, delivery_id: str) -> list[DeliveryAttempt]:
        """The newest attempts of a delivery, the newest first, at most 50."""
        ...

    def drop_of(self, endpoint_id: str) -> None:
        """Forget the deliveries of an endpoint and their attempts."""
        ...

    def forget(self, before_ms: int) -> int:
        """Forget deliveries made before a time, and their attempts; how many."""
        ...
