"""A whole deployment moved from SQLite to PostgreSQL, and back."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from sqlalchemy import create_engine, func, insert, select
from tests.cli.command_kit import COMMAND, oneliner, serving
from tests.distributed.conftest import SECRET, Client
from tests.support.databases import stand_in, tables
from tests.support.engine import new_database

from oneliner.adapters.database.tables import metadata
from oneliner.adapters.jwt_tokens import JwtTokens
from oneliner.testing import Call, ModelServer, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

    from tests.support.databases import PostgresServer

TOKEN = JwtTokens(issuer="oneliner", audience="oneliner", secret=SECRET).issue("alice", ttl_seconds=3_600)


@pytest.fixture
def empty_url(postgres_server: PostgresServer) -> Iterator[str]:
    with postgres_server.fresh(migrated=False) as url:
        yield url


@asynccontextmanager
async def served(data_dir: Path, model: ModelServer, **more: str) -> AsyncGenerator[Client]:
    """A caller of a server that works while this lasts, and is stopped as operators stop one."""
    own = {
        "ONELINER_MODEL": "openai/test",
        "ONELINER_MODEL_BASE_URL": model.base_url,
        "ONELINER_MODEL_API_KEY": "sk-test",
        "ONELINER_JWT_SECRET": SECRET,
        **more,
    }
    starting = serving(data_dir, command=COMMAND, **own)
    running = await asyncio.to_thread(starting.__enter__)
    try:
        async with aiohttp.ClientSession(headers={"authorization": f"Bearer {TOKEN}"}) as http:
            yield Client(http, running.url)
        running.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(running.process.wait, 30) == 0
    finally:
        await asyncio.to_thread(starting.__exit__, None, None, None)


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the tables of the product, in an order of its own."""
    found = tables(path)
    return {
        table.name: sorted((tuple(row[c.name] for c in table.columns) for row in found[table.name]), key=repr)
        for table in metadata.sorted_tables
    }


def contents_at(url: str, tmp_path: Path) -> dict[str, list[tuple[Any, ...]]]:
    with stand_in(tmp_path / "stand-in", url):
        return contents(tmp_path / "stand-in")


def fill_empty_tables(path: Path) -> None:
    """Two rows in each table that holds none; they fit its columns and mean nothing."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            if not connection.execute(select(func.count()).select_from(table)).scalar_one():
                rows = [{c.name: f"é{n}" if c.type.python_type is str else n for c in table.columns} for n in (1, 2)]
                connection.execute(insert(table), rows)
    engine.dispose()


def copy(source: str, target: str, data_dir: Path) -> tuple[int, str]:
    """The exit code, and all that was said."""
    done = oneliner("db", "copy", "--from", source, "--to", target, data_dir=data_dir)
    return done.returncode, done.stdout + done.stderr


async def test_everything_arrives_the_new_server_goes_on_with_it_and_there_is_a_way_back(
    tmp_path: Path, empty_url: str
) -> None:
    data_dir, file = tmp_path / "data", f"sqlite:///{tmp_path / 'data' / 'oneliner.db'}"
    async with ModelServer(lambda _: Reply("well done")) as model:
        async with served(data_dir, model) as client:
            chat = await client.chat("你好 \U0001f44b")
            await client.frames(chat["run_id"])
            to_confirm = await client.hand_off("")
            model.script(Reply(tool_calls=[Call("ask_user", {"question": "Which one?"})]))
            asking = await client.chat("ask me")
            await client.until(asking["run_id"], "blocked")
        asked_before = len(model.requests)
        before = contents(data_dir / "oneliner.db")

        code, said = await asyncio.to_thread(copy, file, empty_url, data_dir)

        assert code == 0, said
        assert f"{sum(map(len, before.values()))}  rows copied, read back and found equal" in said
        assert contents(data_dir / "oneliner.db") == before
        assert contents_at(empty_url, tmp_path) == before
        async with served(tmp_path / "other", model, ONELINER_DATABASE_URL=empty_url) as client:
            code, said = await asyncio.to_thread(copy, empty_url, f"sqlite:///{tmp_path / 'early.db'}", data_dir)
            assert code == 2
            assert "OneLiner processes use" in said
            assert not (tmp_path / "early.db").exists()
            assert (await client.run(chat["run_id"]))["run_status"] == "done"
            more = await client.chat("and then?", chat["session_id"])
            await client.confirm(to_confirm["id"])
            await client.resume(asking["run_id"], {"answer": "this one"})
            for run_id in (more["run_id"], to_confirm["id"], asking["run_id"]):
                assert (await client.frames(run_id))[-1]["type"] == "run.completed"
        assert "你好" in str(list(model.requests)[asked_before:])

        code, said = await asyncio.to_thread(copy, empty_url, f"sqlite:///{tmp_path / 'back.db'}", data_dir)
        assert code == 0, said
        assert contents(tmp_path / "back.db") == contents_at(empty_url, tmp_path)


def test_no_table_is_forgotten(tmp_path: Path, empty_url: str) -> None:
    source = new_database(tmp_path / "one.db")
    fill_empty_tables(source)
    before = contents(source)
    assert all(before.values())

    code, said = copy(f"sqlite:///{source}", empty_url, tmp_path / "data")

    assert code == 0, said
    assert contents_at(empty_url, tmp_path) == before


async def test_a_file_that_a_server_or_another_program_uses_is_not_copied(tmp_path: Path, empty_url: str) -> None:
    data_dir, file = tmp_path / "data", f"sqlite:///{tmp_path / 'data' / 'oneliner.db'}"
    async with ModelServer() as model, served(data_dir, model):
        code, said = await asyncio.to_thread(copy, file, empty_url, data_dir)
        assert code == 2
        assert "a server uses" in said
    with closing(sqlite3.connect(data_dir / "oneliner.db")) as other:
        other.execute("SELECT count(*) FROM users").fetchall()
        code, said = await asyncio.to_thread(copy, file, empty_url, data_dir)
    assert code == 2
    assert "another program uses" in said


def test_a_target_that_holds_anything_is_left_as_it_is(tmp_path: Path, postgres_url: str) -> None:
    source = new_database(tmp_path / "one.db")
    fill_empty_tables(source)
    assert copy(f"sqlite:///{source}", postgres_url, tmp_path / "data")[0] == 0
    before = contents_at(postgres_url, tmp_path)

    code, said = copy(f"sqlite:///{source}", postgres_url, tmp_path / "data")

    assert code == 2
    assert "the target is not empty" in said
    assert contents_at(postgres_url, tmp_path) == before


def test_one_row_that_is_refused_means_that_nothing_is_kept(tmp_path: Path, empty_url: str) -> None:
    source = new_database(tmp_path / "one.db")
    fill_empty_tables(source)
    with closing(sqlite3.connect(source)) as connection, connection:
        # PostgreSQL has no such text; the product never stores it, another program may have.
        connection.execute("UPDATE users SET name = char(0) WHERE id = 'é1'")

    code, said = copy(f"sqlite:///{source}", empty_url, tmp_path / "data")

    assert code == 2
    assert "refuses a row of users" in said
    assert not any(contents_at(empty_url, tmp_path).values())


@pytest.mark.parametrize(
    ("source", "target", "told"),
    [
        ("sqlite:///{0}/missing.db", "{1}", "there is no file"),
        ("sqlite:///{0}/one.db", "sqlite:///{0}/two.db", "copy the data folder instead"),
        ("{1}", "{1}", "pg_dump"),
        ("mysql://there", "{1}", "--from must be"),
        ("sqlite:///{0}/one.db", "postgresql://nobody@127.0.0.1:1/none", "cannot be reached"),
        ("sqlite:///{0}/empty.db", "{1}", "run `oneliner migrate`"),
    ],
)
def test_what_cannot_be_copied_is_told_with_the_way_out(
    tmp_path: Path, empty_url: str, source: str, target: str, told: str
) -> None:
    new_database(tmp_path / "one.db")
    (tmp_path / "empty.db").touch()

    code, said = copy(source.format(tmp_path, empty_url), target.format(tmp_path, empty_url), tmp_path / "data")

    assert code in {1, 2}
    assert told in said
    assert "Traceback" not in said
