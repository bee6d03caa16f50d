"""Requests made from the API's description, good and bad: whatever comes, the answer is one that is described."""

from __future__ import annotations

import asyncio
import os
import random
import re
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest
import schemathesis
from schemathesis.engine import events, from_schema

from oneliner.app import documents
from oneliner.domain.run import RunStatus
from oneliner.domain.user import Authority, UserStatus
from oneliner.web.openapi import operations
from tests.support.engine import ALICE, BOB
from tests.support.front import Front, served
from tests.support.moves import WAYS, Mover

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from schemathesis.core.failures import Failure
    from schemathesis.engine.recorder import ScenarioRecorder

    from oneliner.app.ports import Transaction

#: How long a stream is read that would not end by itself: then the server lets go of its readers.
STREAM_SECONDS = 0.1
CHECKS: Mapping[str, Any] = {
    # What is valid by the description can still be a time that is none, or a title of spaces: 422 is described.
    "positive_data_acceptance": {
        "expected-statuses": ["2xx", "3xx", "401", "403", "404", "409", "422"],
    },
    "negative_data_rejection": {
        "expected-statuses": ["400", "401", "403", "404", "405", "409", "413", "415", "422"],
    },
}
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Stock:
    """What is there to be asked for: a run in each state, with its session, and a document."""

    def __init__(self, tx: Transaction) -> None:
        for caller in (ALICE, BOB):
            tx.users.admit(caller, UserStatus.APPROVED)
        mover = Mover()
        found: dict[str, list[str]] = {"run_id": [], "session_id": []}
        for status in RunStatus:
            kind, way = WAYS[status]
            run = mover.begin(tx, kind)
            for trigger in way:
                mover.try_move(tx, run.id, trigger)
            found["run_id"].append(run.id)
            found["session_id"].append(run.session_id)
        document = documents.write(tx, ALICE.user_id, "", "notes.md", "# Notes", None, ALICE.user_id)
        self.ids: Mapping[str, list[str]] = {**found, "document_id": [document.id]}

    def of(self, name: str, given: object) -> str:
        """In place of a well-formed id of nothing, most of the time one of something; the same for the same."""
        number = crc32(str(given).encode())
        return self.ids[name][number // 4 % len(self.ids[name])] if number % 4 else str(given)


@contextmanager
def served_aside(path: Path) -> Generator[tuple[str, Stock, str]]:
    """The front door on a thread of its own: its address, what is in stock, and an administrator's token."""
    ready: list[tuple[str, Stock, str]] = []
    is_ready, loop = threading.Event(), asyncio.new_event_loop()
    stopped = asyncio.Event()

    async def serve() -> None:
        front = Front(path, heartbeat_seconds=0.2)
        try:
            stock = await front.database.write(Stock)
            async with served(front) as url:
                ready.append((url, stock, front.tokens.issue(ALICE.user_id, authority=Authority.ADMIN)))
                is_ready.set()
                while not stopped.is_set():
                    front.bus.close()
                    await asyncio.sleep(STREAM_SECONDS)
        finally:
            is_ready.set()
            await front.close()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        is_ready.wait()
        yield ready[0]
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()
        loop.close()


def described(url: str, stock: Stock, token: str, seed: int, examples: int) -> schemathesis.BaseSchema:
    """The description, with what is known of the data."""
    config = schemathesis.Config.from_dict(
        {
            "seed": seed,
            "headers": {"Authorization": f"Bearer {token}"},
            "generation": {"max-examples": examples},
            "phases": {"examples": {"enabled": False}},
            "checks": CHECKS,
            "request-timeout": 20,
            # Not who asks: suspended, he would be refused everything else.
            "parameters": {"path.user_id": BOB.user_id},
        }
    )
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json", config=config)

    @schema.hook
    def map_path_parameters(_: schemathesis.HookContext, path_parameters: dict[str, Any] | None) -> Any:
        return path_parameters and {
            name: stock.of(name, given) if name in stock.ids and _UUID.fullmatch(str(given)) else given
            for name, given in path_parameters.items()
        }

    @schema.hook
    def filter_failure(_: schemathesis.HookContext, failure: Failure, case: object, __: schemathesis.Response) -> bool:
        del case
        # The description is OpenAPI 3.1, where the body of a stream is text; a reader of 3.2 takes it for a list.
        return failure.title != "SSE stream violates schema"

    return schema


class Findings:
    """What came of it."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.tried: set[str] = set()

    def take(self, event: events.EngineEvent) -> None:
        """One event of the engine."""
        match event:
            case events.NonFatalError():
                self.wrong.append(f"{event.label}: {event.info.format()}")
            case events.FatalError():
                self.wrong.append(f"{event.exception!r}")
            case events.ScenarioFinished():
                self._look_at(event.recorder)
            case _:
                pass

    def _look_at(self, scenario: ScenarioRecorder) -> None:
        self.tried |= {node.value.operation.definition.raw["operationId"] for node in scenario.cases.values()}
        self.statuses.update(i.response.status_code for i in scenario.interactions.values() if i.response is not None)
        for node in (node for nodes in scenario.checks.values() for node in nodes if node.failure_info is not None):
            assert node.failure_info is not None
            failure = node.failure_info.failure
            self.wrong.append(
                f"{failure.operation}: {failure.title}: {failure.message}\n{node.failure_info.code_sample}"
            )


@pytest.mark.parametrize(
    ("examples", "seed"),
    [
        # The same each time, so that what changes is to blame.
        pytest.param(10, 1, id="10"),
        pytest.param(200, None, id="200", marks=[pytest.mark.slow, pytest.mark.timeout(3_600)]),
    ],
)
def test_every_answer_is_as_described_and_none_is_a_server_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, examples: int, seed: int | None
) -> None:
    seed = seed or int(os.environ.get("ONELINER_TEST_SEED") or random.SystemRandom().randrange(1_000_000))
    sys.stdout.write(f"ONELINER_TEST_SEED={seed}\n")
    findings = Findings()
    with served_aside(tmp_path / "front.db") as (url, stock, token):
        schema = described(url, stock, token, seed, examples)
        for event in from_schema(schema).execute():
            findings.take(event)
    sys.stdout.write(f"{findings.statuses.total()} requests: {dict(findings.statuses.most_common())}\n")
    assert not findings.wrong, "\n\n".join(findings.wrong)
    assert findings.tried == {operation["operationId"] for _, operation in operations(schema.raw_schema)}
    assert {200, 202, 204, 404, 409, 422} <= set(findings.statuses)
    assert not [r for r in caplog.records if r.levelname in {"ERROR", "CRITICAL"}]
