"""The page that Prometheus reads: this process's figures, and what waits in the database.

Several servers behind one port are one target to whoever reads: each writes its figures to files that it shares with
the others (``PROMETHEUS_MULTIPROC_DIR``, which their supervisor sets), and whichever is asked adds them up.

The database is looked at every :data:`LOOK_SECONDS` at most, however often the page is read, and a page is given without
it when it does not answer.
"""

from __future__ import annotations

import asyncio
import hmac
import os
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from oneliner.domain.errors import Forbidden, Unauthenticated, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prometheus_client.metrics_core import Metric

    from oneliner.adapters.telemetry.metrics import Metrics
    from oneliner.app.ports import Backlog, Database

LOOK_SECONDS = 10.0
LOOK_TIMEOUT_SECONDS = 2.0
#: Nothing is counted beyond; see ``app.ports.Backlog``.
MOST_COUNTED = 20_000
_BEARER = "bearer "


class Exposition:
    """The page. *token*: who knows it may read; without one, whoever is on this machine. *shared*: the folder of the
    figures of several processes.
    """

    def __init__(self, metrics: Metrics, database: Database, *, version: str, token: str, shared: Path | None) -> None:
        self._metrics = metrics
        self._database = database
        self._version = version
        self._token = token
        self._shared = shared
        self._backlog: Backlog | None = None
        self._looked_at = float("-inf")
        self._looking = asyncio.Lock()
        if shared is None:
            ProcessCollector(registry=metrics.registry)

    def check(self, *, peer: str, authorization: str, is_forwarded: bool) -> None:
        """Let a reader in. *peer* is the address he comes from; *is_forwarded*: a proxy says that he comes from elsewhere.

        Raises Unauthenticated: he does not know the token; Forbidden: there is none, and he is not on this machine.
        """
        if self._token:
            given = authorization[len(_BEARER) :].strip() if authorization[: len(_BEARER)].lower() == _BEARER else ""
            if not hmac.compare_digest(given.encode(), self._token.encode()):
                raise Unauthenticated("the token of ONELINER_METRICS_TOKEN is needed, as a bearer token")
        elif is_forwarded or not _is_here(peer):
            raise Forbidden("without ONELINER_METRICS_TOKEN, metrics can only be read from the server's own machine")

    async def page(self) -> bytes:
        """The page, in Prometheus's text format."""
        backlog = await self._look()
        # Off the event loop: with many routes and models it takes milliseconds.
        return await asyncio.to_thread(self._written, _Deployment(backlog, self._version))

    async def _look(self) -> Backlog | None:
        loop = asyncio.get_running_loop()
        async with self._looking:
            if loop.time() - self._looked_at > LOOK_SECONDS:
                try:
                    async with asyncio.timeout(LOOK_TIMEOUT_SECONDS):
                        self._backlog = await self._database.read(lambda tx: tx.backlog.look(MOST_COUNTED))
                except (Unavailable, TimeoutError):
                    self._backlog = None
                self._looked_at = loop.time()
            return self._backlog

    def _written(self, deployment: Collector) -> bytes:
        registry = self._metrics.registry
        if self._shared is not None:
            _forget_the_dead(self._shared)
            registry = CollectorRegistry()
            MultiProcessCollector(registry, path=str(self._shared))
        whole = CollectorRegistry()
        whole.register(deployment)
        return generate_latest(registry) + generate_latest(whole)


class _Deployment(Collector):
    """What is true of the whole deployment, whichever process tells it."""

    def __init__(self, backlog: Backlog | None, version: str) -> None:
        self._backlog = backlog
        self._version = version

    def collect(self) -> Iterator[Metric]:
        info = GaugeMetricFamily("oneliner_info", "Always 1; the version of the code.", labels=["version"])
        info.add_metric([self._version], 1)
        yield info
        backlog = self._backlog
        yield GaugeMetricFamily("oneliner_database_up", "Whether the database answers.", int(backlog is not None))
        if backlog is None:
            return
        said = f"Runs that have not ended, by status and reason, counted up to {MOST_COUNTED:,}."
        runs = GaugeMetricFamily("oneliner_runs", said, labels=["status", "reason"])
        for (status, reason), count in sorted(backlog.runs.items()):
            runs.add_metric([status, reason], count)
        yield runs
        for name, about, value in (
            ("oneliner_lanes_waiting", "Lanes in which runs are queued.", backlog.waiting_lanes),
            ("oneliner_longest_lane_runs", "Queued runs of the lane that has most of them.", backlog.longest_lane),
            (
                "oneliner_oldest_queued_seconds",
                "Since when the first queued run waits.",
                _age(backlog, backlog.queued_since),
            ),
            (
                "oneliner_oldest_ready_seconds",
                "Since when the first queued run waits that only a worker is missing for.",
                _age(backlog, backlog.ready_since),
            ),
        ):
            yield GaugeMetricFamily(name, about, value)


def _age(backlog: Backlog, since: int | None) -> float:
    return 0.0 if since is None else max(backlog.now_ms - since, 0) / 1_000


def _is_here(peer: str) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        # A Unix socket has no address, and is on this machine.
        return not peer
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _forget_the_dead(shared: Path) -> None:
    """Have what processes that are gone said of their present no longer count; what they counted still does."""
    for pid in {path.stem.rpartition("_")[2] for path in shared.glob("gauge_live*_*.db")}:
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            with suppress(FileNotFoundError):  # another process was faster
                mark_process_dead(int(pid), str(shared))
        except (PermissionError, ValueError):
            continue
