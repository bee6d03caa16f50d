"""A worker process: Celery hands it run ids, and one event loop in it executes all of them.

Each task waits in a thread of Celery's pool for a coroutine on that loop, so Celery sees, counts and caps what is
executed, and a run costs a waiting thread and no process. A stop is told to the loop as soon as it is asked for: it
claims nothing more and hands back what does not end within the grace time, and so the tasks end.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import CancelledError
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import uvicorn.loops.auto
from celery import signals

from oneliner.adapters.celery_queue import TASK, celery_app
from oneliner.domain.errors import Invalid, OneLinerError
from oneliner.wiring import open_worker

if TYPE_CHECKING:
    from collections.abc import Collection

    from celery import Celery

    from oneliner.settings import Settings
    from oneliner.wiring import Parts

log = logging.getLogger("oneliner.worker")

POOLS = ("threads", "solo")


class Engine:
    """The event loop of a worker process, on a thread of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._queues: Collection[str] = ()
        self._thread = Thread(target=self._run, name="oneliner-loop", daemon=True)
        self._started = Event()
        self._error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._parts: Parts | None = None
        self._stop: asyncio.Event | None = None

    def start(self, queues: Collection[str]) -> None:
        """Open everything, for runs from *queues*. Raises what hinders it: Invalid, Unavailable."""
        self._queues = queues
        self._thread.start()
        self._started.wait()
        if self._error is not None:
            raise self._error

    def execute(self, run_id: str) -> None:
        """Carry out a run as far as it goes, if it is to be had; back when that is over."""
        if self._loop is None or self._parts is None:
            return
        try:
            asyncio.run_coroutine_threadsafe(self._parts.worker.execute(run_id), self._loop).result()
        except (CancelledError, RuntimeError):
            # The loop has ended meanwhile. The run's lease was handed back, or runs out.
            log.info("run.ended_with_its_worker", extra={"run_id": run_id})

    def begin_to_stop(self) -> None:
        """Claim nothing more, and begin to hand back. May be called from a signal handler, and more than once."""
        if self._loop is not None and self._stop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)

    def wait(self) -> None:
        """Back when everything is handed back and closed."""
        self.begin_to_stop()
        self._thread.join()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvicorn.loops.auto.auto_loop_factory()) as runner:
                runner.run(self._live())
        except OneLinerError as error:
            self._error = error
        finally:
            self._started.set()

    async def _live(self) -> None:
        async with open_worker(self._settings, self._queues) as parts:
            self._parts = parts
            self._loop = asyncio.get_running_loop()
            self._stop = asyncio.Event()
            self._started.set()
            await self._stop.wait()


def build(settings: Settings) -> Celery:
    """The Celery application that executes runs with *settings*. Raises Invalid: they name no broker."""
    if not settings.broker_url:
        raise Invalid("a worker needs ONELINER_BROKER_URL, where it gets its runs from", setting="broker_url")
    app = celery_app(settings.broker_url, queue=settings.queue, concurrency=settings.concurrency, receives=True)
    engine = Engine(settings)

    register: Any = app.task(name=TASK, ignore_result=True, acks_late=False, max_retries=0)
    register(engine.execute)

    def start(sender: Any, **_: Any) -> None:
        pool = str(getattr(sender.pool_cls, "__module__", sender.pool_cls))
        if not any(name in pool for name in ("thread", "solo")):
            # A forked child has no event loop of its own.
            raise SystemExit(f"oneliner: a worker needs --pool=threads, not {pool!r}")
        try:
            engine.start(frozenset(sender.app.amqp.queues.consume_from))
        except OneLinerError as error:
            raise SystemExit(f"oneliner: {error.message}") from error

    def tell(sender: Any, **_: Any) -> None:
        queues = ",".join(sorted(app.amqp.queues.consume_from))
        log.info("worker.ready", extra={"worker": sender.hostname, "queues": queues})

    def stop(**_: Any) -> None:
        engine.begin_to_stop()

    def wait(**_: Any) -> None:
        engine.wait()

    signals.worker_init.connect(start, weak=False)
    signals.worker_ready.connect(tell, weak=False)
    signals.worker_shutting_down.connect(stop, weak=False)
    signals.worker_shutdown.connect(wait, weak=False)
    return app
