"""Routes: to which queue a run goes, by its project or its executor.

Written as ``project:acme=acme-queue`` or ``executor:researcher=slow``, several of them separated by commas. The first that
fits decides; without one, a run goes to the deployment's queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class By(StrEnum):
    """What a route looks at."""

    PROJECT = "project"
    EXECUTOR = "executor"


@dataclass(frozen=True, slots=True)
class Route:
    """Runs whose project or executor is *name* go to *queue*."""

    by: By
    name: str
    queue: str

    def __str__(self) -> str:
        return f"{self.by}:{self.name}={self.queue}"


def parse_route(text: str) -> Route:
    """The route that *text* describes. Raises ValueError: it describes none."""
    what, equals, queue = text.rpartition("=")
    by, _, name = what.partition(":")
    if not equals or not name or not queue or not text.isprintable() or " " in text:
        raise ValueError(text)
    return Route(By(by), name, queue)


def queue_for(routes: Iterable[Route], *, project_id: str, executor: str, otherwise: str) -> str:
    """The queue of the first of *routes* that fits, or *otherwise*."""
    looked_at = {By.PROJECT: project_id, By.EXECUTOR: executor}
    return next((route.queue for route in routes if looked_at[route.by] == route.name), otherwise)
