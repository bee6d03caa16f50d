"""A PostgreSQL that crashed gives out the numbers anew of transactions that it lost: they are not taken for ours."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from oneliner.adapters.database.postgres import PostgresDatabase, migrate_postgres
from oneliner.app import runs
from oneliner.app.journal import EVERYTHING
from oneliner.app.ports import Page, RunFilter
from oneliner.domain.user import UserStatus
from tests.support.databases import now, statement
from tests.support.engine import ALICE
from tests.support.private_postgres import PrivatePostgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oneliner.app.ports import Transaction


@pytest.fixture
def postgres(own_servers: None) -> Iterator[PrivatePostgres]:
    del own_servers
    server = PrivatePostgres()
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.remove()


async def test_what_a_crash_undid_is_done_again_though_its_number_is_anothers_now(postgres: PrivatePostgres) -> None:
    await migrate_postgres(postgres.url)
    database = PostgresDatabase(postgres.url, lambda _: None)
    await database.write(lambda tx: tx.users.admit(ALICE, UserStatus.APPROVED))
    tries: list[str] = []

    def work(tx: Transaction) -> None:
        tries.append(runs.start_chat(tx, ALICE, "hello", None).run.id)
        if len(tries) == 1:
            postgres.stop(signal.SIGQUIT)
            postgres.start()
            for _ in range(10):
                now(statement(postgres.url, "CREATE TABLE another (n int)"))
                now(statement(postgres.url, "DROP TABLE another"))

    await database.write(work, patience_seconds=60)
    found = await database.read(lambda tx: tx.runs.page(EVERYTHING, Page(10), RunFilter()))
    await database.close()
    assert [run.id for run in found] == tries[1:]
    assert len(found) == 1
