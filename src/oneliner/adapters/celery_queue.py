"""The queue between processes, over Celery: a message names a run, and the worker that gets it executes that run.

Correctness never depends on it. A message is acknowledged before its run begins and is never sent again by Celery: the
lease says who executes, and what no worker holds is found by the sweep. So what a broker loses costs seconds.

Nothing here blocks the event loop: a thread of its own sends, with short timeouts, and lets go of what the broker does
not take.
"""

from __future__ import annotations

import logging
import time
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from celery import Celery
from kombu.exceptions import KombuError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

log = logging.getLogger("oneliner.queue")

TASK = "oneliner.execute_run"
#: A message that no worker took for so long is of no use: the sweep has sent others. Not much shorter, because the
#: worker's clock judges it, and that may be wrong by minutes.
EXPIRES_SECONDS = 3_600
SEND_SECONDS = 1.0
#: Longer than the transport waits by itself for the next message.
RECEIVE_SECONDS = 10.0
#: How long nothing is sent to a broker that did not take a message.
OPEN_SECONDS = 2.0
MAX_WAITING = 10_000


def celery_app(broker_url: str, *, queue: str, concurrency: int = 1, receives: bool = False) -> Celery:
    """The Celery application of this product. *queue* is where messages go by default; *receives*: this process is a
    worker.
    """
    app = Celery("oneliner", broker=broker_url, set_as_current=receives)
    app.conf.update(
        task_default_queue=queue,
        task_ignore_result=True,
        task_acks_late=False,
        task_store_errors_even_if_ignored=False,
        task_serializer="json",
        accept_content=["json"],
        broker_connection_timeout=SEND_SECONDS,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options=_transport_options(broker_url, receives=receives),
        worker_pool="threads",
        worker_concurrency=concurrency,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_send_task_events=True,
        enable_utc=True,
    )
    return app


def _transport_options(broker_url: str, *, receives: bool) -> dict[str, Any]:
    if broker_url.startswith(("redis:", "rediss:")):
        # Without a timeout, sending to a Redis that is frozen never comes back.
        seconds = RECEIVE_SECONDS if receives else SEND_SECONDS
        return {"socket_timeout": seconds, "socket_connect_timeout": SEND_SECONDS, "socket_keepalive": True}
    if broker_url.startswith(("amqp:", "amqps:", "pyamqp:")):
        return {} if receives else {"read_timeout": 2 * SEND_SECONDS, "write_timeout": SEND_SECONDS}
    return {}


class CeleryQueue:
    """See ``app.ports.Queue``. *interrupt* tells the worker that executes a run; *fall_back* takes a run itself when the
    broker does not take its message: a worker does so for the queues of *its_queues*, an API process for none.
    """

    def __init__(
        self,
        app: Celery,
        *,
        interrupt: Callable[[str], None],
        fall_back: Callable[[str], None],
        its_queues: Collection[str] = (),
    ) -> None:
        self._app = app
        self._interrupt = interrupt
        self._fall_back = fall_back
        self._its_queues = its_queues
        self._queue: str = app.conf.task_default_queue
        self._waiting: SimpleQueue[tuple[str, str] | None] = SimpleQueue()
        self._closed_until = 0.0
        # One connection, which only the sender's thread uses.
        self._producer: Any = None
        self._thread = Thread(target=self._send_all, name="oneliner-sender", daemon=True)
        self._thread.start()
        self.is_broken = False

    def wake(self, run_id: str, queue: str | None = None) -> None:
        """Have a worker of *queue*, or of the default one, look at *run_id* soon."""
        if self._waiting.qsize() < MAX_WAITING:
            self._waiting.put((run_id, queue or self._queue))

    def interrupt(self, run_id: str) -> None:
        """Have whoever executes *run_id* look at it now."""
        self._interrupt(run_id)

    def close(self) -> None:
        """Send what waits, as far as the broker takes it; blocks for a moment."""
        self._waiting.put(None)
        self._thread.join(timeout=2 * SEND_SECONDS)

    # On the sender's thread.

    def _send_all(self) -> None:
        while (message := self._waiting.get()) is not None:
            run_id, queue = message
            is_sent = time.monotonic() >= self._closed_until and self._sent(run_id, queue)
            if not is_sent and queue in self._its_queues:
                self._fall_back(run_id)
        self._disconnect()

    def _sent(self, run_id: str, queue: str) -> bool:
        try:
            self._app.send_task(
                TASK,
                args=(run_id,),
                queue=queue,
                expires=EXPIRES_SECONDS,
                ignore_result=True,
                retry=False,
                producer=self._connected_producer(),
            )
        except (KombuError, OSError, TimeoutError) as error:
            if not self.is_broken:
                log.warning("broker.lost", extra={"error": type(error).__name__})
            self.is_broken = True
            self._closed_until = time.monotonic() + OPEN_SECONDS
            # One that was cut in the middle of a message is of no use any more.
            self._disconnect()
            return False
        if self.is_broken:
            self.is_broken = False
            log.info("broker.back")
        return True

    def _connected_producer(self) -> Any:
        if self._producer is None:
            self._producer = self._app.amqp.Producer(self._app.connection_for_write(), auto_declare=False)
        return self._producer

    def _disconnect(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.connection.collect(socket_timeout=SEND_SECONDS)
