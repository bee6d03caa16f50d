"""``oneliner backup`` and ``oneliner restore``: a copy under load, a server that is killed, and everything goes on."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from tests.cli.command_kit import oneliner, serving
from tests.support.databases import tables
from tests.support.invariants import check_database

from oneliner.adapters.database.schema_version import NEWEST
from oneliner.client import AsyncClient
from oneliner.testing import Held, ModelServer, Reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.cli.command_kit import Served
    from tests.cli.conftest import Call

    from oneliner.testing import Request, Script

CHATS = 24
ENDED = {"done", "failed", "cancelled"}


def runs_of(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT id, run_status FROM agent_runs"))


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(90):
        while not is_so():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.05)


async def command(*arguments: str, data_dir: Path) -> str:
    done = await asyncio.to_thread(oneliner, *arguments, data_dir=data_dir)
    assert done.returncode == 0, done.stderr
    return done.stdout


def served_by(model: ModelServer, data_dir: Path) -> AbstractContextManager[Served]:
    return serving(
        data_dir, ONELINER_MODEL="openai/x", ONELINER_MODEL_BASE_URL=model.base_url, ONELINER_MODEL_API_KEY="sk-tests"
    )


async def begin_chats(served: Served, count: int) -> None:
    token = (await command("token", "--user", "ann", data_dir=served.data_dir)).strip()
    async with AsyncClient(served.url, token) as client:
        await asyncio.gather(*(client.start_chat(message=f"number {n}") for n in range(count)))


async def test_a_backup_under_load_goes_on_after_the_server_was_killed(tmp_path: Path) -> None:
    data_dir, file = tmp_path / "data", tmp_path / "backup.db"
    database = data_dir / "oneliner.db"
    released = asyncio.Event()

    def answer(_: Request) -> Script:
        # Half of the runs come to their end; the others are in the middle of an answer when the backup is made.
        return (
            Reply("done")
            if len(model.requests) % 2
            else Held(released, Reply("a few words more than that, piece by piece"), after_chunks=2)
        )

    async with ModelServer(answer) as model:
        with served_by(model, data_dir) as served:
            await begin_chats(served, CHATS)
            await until(lambda: len(model.requests) == CHATS)
            await until(lambda: list(runs_of(database).values()).count("running") == CHATS // 2)
            others = asyncio.ensure_future(begin_chats(served, CHATS))
            said = await command("backup", str(file), data_dir=data_dir)
            await others
            served.process.kill()
            served.process.wait()
        assert f"revision {NEWEST}, sound; " in said
        assert file.stat().st_mode & 0o777 == 0o600
        assert {path.name for path in (file, data_dir)} == set(os.listdir(tmp_path))  # noqa: PTH208 - not async elsewhere
        check_database(file)
        held = runs_of(file)
        assert CHATS <= len(held) <= 2 * CHATS
        assert {"done", "running"} <= set(held.values())

        await command("restore", str(file), "--replace", data_dir=data_dir)
        (kept,) = data_dir.glob("oneliner.db.replaced-*")
        assert len(runs_of(kept)) == 2 * CHATS
        assert runs_of(database) == held
        before = tables(file)
        released.set()
        with served_by(model, data_dir):
            await until(lambda: set(runs_of(database).values()) <= ENDED)
    assert runs_of(database) == dict.fromkeys(held, "done")
    # Totals are the sums, and histories have no gap.
    check_database(database)
    # What was written then is as it was; what came later stands behind it.
    written = {event["id"]: dict(event) for event in tables(database)["agent_run_events"]}
    assert all(written[event["id"]] == dict(event) for event in before["agent_run_events"])


def test_a_backup_never_takes_the_place_of_another_file(call: Call, data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "kept.db"
    file.write_text("precious")
    assert "there is no database" in call("backup", str(tmp_path / "new.db"), data_dir=data_dir).err
    assert call("migrate", data_dir=data_dir).code == 0
    refused = call("backup", str(file), data_dir=data_dir)
    assert (refused.code, file.read_text()) == (2, "precious")
    nowhere = call("backup", str(tmp_path / "no" / "folder.db"), data_dir=data_dir)
    assert (nowhere.code, "cannot be written" in nowhere.err) == (2, True)


def test_a_backup_of_postgresql_is_left_to_its_own_tools(call: Call, data_dir: Path, tmp_path: Path) -> None:
    url = "postgresql://ann:canary@db.example.com/oneliner"
    for command in (["backup", str(tmp_path / "x.db")], ["restore", __file__]):
        found = call(*command, data_dir=data_dir, ONELINER_DATABASE_URL=url)
        assert (found.code, "docs/backup.md" in found.err, "canary" in found.err) == (2, True, False)


@pytest.mark.parametrize("content", ["this is no database", "damaged", "another", "newer"])
def test_what_is_no_sound_backup_is_not_restored(call: Call, data_dir: Path, tmp_path: Path, content: str) -> None:
    assert call("migrate", data_dir=data_dir).code == 0
    before = (data_dir / "oneliner.db").read_bytes()
    file = tmp_path / "backup.db"
    if content == "damaged":
        assert call("backup", str(file), data_dir=data_dir).code == 0
        raw = bytearray(file.read_bytes())
        raw[len(raw) // 4 : len(raw) * 3 // 4] = b"\x07" * (len(raw) * 3 // 4 - len(raw) // 4)
        file.write_bytes(raw)
    elif content == "another":
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("CREATE TABLE another (id INTEGER)")
    elif content == "newer":
        assert call("backup", str(file), data_dir=data_dir).code == 0
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999_needs_9998'")
    else:
        file.write_text(content)
    found = call("restore", str(file), "--replace", data_dir=data_dir)
    assert found.code == 2, found.out
    assert ("newer version" in found.err) == (content == "newer")
    assert (data_dir / "oneliner.db").read_bytes() == before
    assert sorted(p.name for p in data_dir.iterdir() if "oneliner" in p.name) == ["oneliner.db"]


def test_a_database_is_replaced_only_when_that_was_asked_for_and_never_under_a_server(
    call: Call, data_dir: Path, tmp_path: Path
) -> None:
    file = tmp_path / "backup.db"
    with serving(data_dir) as served:
        assert call("backup", str(file), data_dir=data_dir).code == 0
        found = call("restore", str(file), "--replace", data_dir=data_dir)
        assert (found.code, served.url in found.err) == (2, True)
    found = call("restore", str(file), data_dir=data_dir)
    assert (found.code, "--replace" in found.err) == (2, True)
    elsewhere = tmp_path / "another"
    assert call("restore", str(file), data_dir=elsewhere).code == 0
    check_database(elsewhere / "oneliner.db")
