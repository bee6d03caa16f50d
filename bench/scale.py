"""What a run leaves behind, and what a plan past one database would change: the figures of docs/scale.md.

    .venv/bin/python bench/scale.py footprint      rows, bytes, WAL, transactions and Redis commands of a run
    .venv/bin/python bench/scale.py partitions     one table of events against twelve, by the time in the run's id
    .venv/bin/python bench/scale.py owners         how evenly users spread over databases
    .venv/bin/python bench/scale.py pool           waiting for one of few connections

Needs PostgreSQL (ONELINER_TEST_POSTGRES_URL) and, for the first, redis-server. Makes databases of its own and drops them.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import os
import random
import sys
import tempfile
import time
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import asyncpg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.cli.command_kit import serving
from tests.support.databases import PostgresServer, dsn
from tests.support.redis import PrivateRedis

from oneliner.adapters.jwt_tokens import JwtTokens
from oneliner.testing import ModelServer, Reply

if TYPE_CHECKING:
    from tests.cli.command_kit import Served

STREAMS = 500
SECRET = "s" * 32 + "0123456789abcdef"
WORDS = [
    "twenty",
    "words",
    "of",
    "an",
    "answer",
    "make",
    "about",
    "as",
    "many",
    "tokens",
    "as",
    "the",
    "smallest",
    "useful",
    "reply",
    "of",
    "a",
    "model",
    "has",
    "in",
    "all",
]


def table(title: str, rows: list[tuple[str, str]]) -> None:
    print(f"\n{title}")
    for name, value in rows:
        print(f"  {name:<58} {value:>14}")


async def footprint(runs: int) -> None:
    server = PostgresServer()
    await asyncio.to_thread(server.begin)
    try:
        with tempfile.TemporaryDirectory() as folder, server.fresh() as url:
            redis = PrivateRedis(Path(folder))
            redis.start()
            try:
                await _footprint(url, redis, Path(folder), runs)
            finally:
                redis.kill()
    finally:
        await asyncio.to_thread(server.end)


async def _footprint(url: str, redis: PrivateRedis, folder: Path, runs: int) -> None:
    token = JwtTokens(issuer="oneliner", audience="oneliner", secret=SECRET).issue("alice", ttl_seconds=3_600)
    async with ModelServer(lambda _: Reply(" ".join(WORDS))) as model:
        own = {
            "ONELINER_DATABASE_URL": url,
            "ONELINER_REDIS_URL": redis.url,
            "ONELINER_MODEL": "openai/test",
            "ONELINER_MODEL_BASE_URL": model.base_url,
            "ONELINER_MODEL_API_KEY": "sk-test",
            "ONELINER_JWT_SECRET": SECRET,
            # So that what is counted is the runs' alone.
            "ONELINER_SWEEP_SECONDS": "3600",
        }
        running = serving(folder / "data", **own)
        served = await asyncio.to_thread(running.__enter__)
        database = await asyncpg.connect(dsn(url))
        async with aiohttp.ClientSession(headers={"authorization": f"Bearer {token}"}) as http:
            await _chat(http, served.url, "warm up")
            before, commands = await _counters(database), await _commands(redis)
            cpu = await _cpu_seconds(served.process.pid, database)
            for number in range(runs):
                await _chat(http, served.url, f"number {number}")
            await asyncio.sleep(2)  # PostgreSQL tells its counters a moment later
            after, sent = await _counters(database), await _commands(redis) - commands
            used = [
                (later - earlier) / runs
                for earlier, later in zip(cpu, await _cpu_seconds(served.process.pid, database), strict=True)
            ]
            cpu = await _cpu_seconds(served.process.pid, database)
            for _ in range(runs):
                async with http.get(f"{served.url}/v2/oneliner/runs") as answer:
                    await answer.read()
            listing = [
                (later - earlier) / runs
                for earlier, later in zip(cpu, await _cpu_seconds(served.process.pid, database), strict=True)
            ]
            memory = await _memory_of_streams(http, served)
        sizes = await database.fetch(
            "SELECT relname, pg_total_relation_size(oid) AS size, reltuples FROM pg_class "
            "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 2 DESC LIMIT 5"
        )
        await database.close()
        await asyncio.to_thread(running.__exit__, None, None, None)
    per_run = {name: (after[name] - before[name]) / runs for name in before}
    table(
        f"one chat run of {len(WORDS)} tokens, the mean of {runs}, everything in one new session each",
        [
            ("transactions that commit", f"{per_run['commits']:.1f}"),
            ("rows inserted", f"{per_run['inserted']:.1f}"),
            ("rows updated", f"{per_run['updated']:.1f}"),
            ("bytes of write-ahead log", f"{per_run['wal']:,.0f}"),
            ("bytes of tables and indexes", f"{per_run['size']:,.0f}"),
            ("commands sent to Redis", f"{sent / runs:.1f}"),
            ("CPU of the server process, which also executes", f"{used[0] * 1000:.1f} ms"),
            ("CPU of its connections in PostgreSQL", f"{used[1] * 1000:.1f} ms"),
            ("CPU of a list of 20 runs: server", f"{listing[0] * 1000:.1f} ms"),
            ("CPU of a list of 20 runs: PostgreSQL", f"{listing[1] * 1000:.2f} ms"),
            ("memory of the server process", f"{memory[0]:.0f} MB"),
            (f"memory of one of {STREAMS} idle streams", f"{memory[1]:.0f} kB"),
            *[(f"  {row['relname']}: bytes after all", f"{row['size']:,}") for row in sizes],
        ],
    )


async def _chat(http: aiohttp.ClientSession, url: str, message: str) -> None:
    async with http.post(f"{url}/v1/agent/runs", json={"message": message}) as answer:
        run_id = (await answer.json())["run_id"]
    async with http.get(f"{url}/v1/agent/runs/{run_id}/events") as stream:
        await stream.read()


async def _cpu_seconds(pid: int, database: Any) -> tuple[float, float]:
    """Of a process, and of the PostgreSQL processes that work for it on this machine."""
    rows = await database.fetch("SELECT pid FROM pg_stat_activity WHERE application_name = 'oneliner'")
    return _cpu_of(pid), sum(_cpu_of(row["pid"]) for row in rows)


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


async def _memory_of_streams(http: aiohttp.ClientSession, served: Served) -> tuple[float, float]:
    """MB of the process without streams, and kB for each of many."""
    alone = _memory_mb(served.process.pid)
    async with aiohttp.ClientSession(headers=http.headers, connector=aiohttp.TCPConnector(limit=0)) as many:
        headers = {"accept": "text/event-stream"}
        answers = [await many.get(f"{served.url}/v2/oneliner/stream", headers=headers) for _ in range(STREAMS)]
        together = _memory_mb(served.process.pid)
        for answer in answers:
            answer.close()
    return alone, (together - alone) * 1024 / STREAMS


async def _counters(database: Any) -> dict[str, float]:
    row = await database.fetchrow(
        "SELECT xact_commit AS commits, tup_inserted AS inserted, tup_updated AS updated, "
        "pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS wal, pg_database_size(datname) AS size "
        "FROM pg_stat_database WHERE datname = current_database()"
    )
    return {name: float(value) for name, value in row.items()}


async def _commands(redis: PrivateRedis) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", redis.port)
    writer.write(b"INFO stats\r\n")
    size = int((await reader.readline())[1:])
    text = (await reader.readexactly(size)).decode()
    writer.close()
    return next(int(line.split(":")[1]) for line in text.splitlines() if line.startswith("total_commands_processed"))


EVENTS = """
CREATE TABLE {name} (id text NOT NULL, run_id text NOT NULL, seq bigint NOT NULL, user_id text NOT NULL,
  owner_seq bigint NOT NULL, event_type text NOT NULL, details_json text NOT NULL, created_at bigint NOT NULL,
  PRIMARY KEY (run_id, seq)) {how}
"""
MONTHS = 12
MONTH_MS = 30 * 86_400_000
START_MS = 1_767_225_600_000


def id_at(ms: int, number: int) -> str:
    """The text of a UUIDv7 of that moment: its first twelve digits are the time, so ids and times sort alike."""
    digits = f"{ms:012x}7{number % 0xFFF:03x}8{number:015x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


async def partitions(rows: int) -> None:
    server = PostgresServer()
    await asyncio.to_thread(server.begin)
    try:
        with server.fresh(migrated=False) as url:
            database = await asyncpg.connect(dsn(url))
            await _partitions(database, rows)
            await database.close()
    finally:
        await asyncio.to_thread(server.end)


async def _partitions(database: Any, rows: int) -> None:
    await database.execute(EVENTS.format(name="one", how=""))
    await database.execute(EVENTS.format(name="many", how="PARTITION BY RANGE (run_id)"))
    bounds = [id_at(START_MS + month * MONTH_MS, 0) for month in range(MONTHS + 1)]
    for month in range(MONTHS):
        await database.execute(
            f"CREATE TABLE many_{month} PARTITION OF many FOR VALUES FROM ('{bounds[month]}') TO ('{bounds[month + 1]}')"
        )
    per_run = 10
    every_ms = MONTHS * MONTH_MS // (rows // per_run)
    # A run of each user in turn, ten events each, over a year.
    records = [
        (f"{n}", id_at(START_MS + n // per_run * every_ms, n // per_run), n % per_run + 1, f"u{n // per_run % 1000}",
         n // per_run // 1000 * per_run + n % per_run, "message.completed", '{"x": "' + "a" * 150 + '"}', START_MS + n // per_run * every_ms)
        for n in range(rows)
    ]  # fmt: skip
    found: list[tuple[str, str]] = []
    for name in ("one", "many"):
        unique = "" if name == "many" else "UNIQUE"
        await database.execute(f"CREATE {unique} INDEX ON {name} (user_id, owner_seq)")
        began = time.perf_counter()
        for at in range(0, rows, 20_000):
            await database.copy_records_to_table(name, records=records[at : at + 20_000])
        found.append((f"{name}: fill {rows:,} events", f"{time.perf_counter() - began:.1f} s"))
        await database.execute(f"ANALYZE {name}")
        runs = random.Random(1).sample([record[1] for record in records[::per_run]], 500)
        reading = await database.prepare(f"SELECT * FROM {name} WHERE run_id = $1 AND seq > 3 ORDER BY seq")
        found.append((f"{name}: the events of a run", f"{await _each(reading, [(r,) for r in runs]):.0f} µs"))
        feed = await database.prepare(
            f"SELECT * FROM {name} WHERE user_id = $1 AND owner_seq > $2 ORDER BY owner_seq LIMIT 50"
        )
        asked = [(f"u{n}", rows // 1000 - 20) for n in range(500)]
        found.append((f"{name}: what is new for a user", f"{await _each(feed, asked):.0f} µs"))
        recent = await database.prepare(
            f"SELECT * FROM {name} WHERE user_id = $1 AND owner_seq > $2 AND run_id >= '{bounds[-3]}' "
            "ORDER BY owner_seq LIMIT 50"
        )
        found.append((f"{name}: the same, of the last two months", f"{await _each(recent, asked):.0f} µs"))
    for name, forgetting in (
        ("one", f"DELETE FROM one WHERE run_id < '{bounds[1]}'"),
        ("many", "ALTER TABLE many DETACH PARTITION many_0; DROP TABLE many_0"),
    ):
        wal = await database.fetchval("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
        began = time.perf_counter()
        await database.execute(forgetting)
        took = time.perf_counter() - began
        wal = await database.fetchval("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn") - wal
        found.append((f"{name}: forget the oldest month", f"{took * 1000:.0f} ms, {float(wal) / 1e6:.2f} MB"))
    table(f"events by month, {rows:,} rows", found)


async def _each(statement: Any, arguments: list[tuple[Any, ...]]) -> float:
    """The middle time of one, in µs."""
    took: list[float] = []
    for values in arguments:
        began = time.perf_counter()
        await statement.fetch(*values)
        took.append(time.perf_counter() - began)
    return sorted(took)[len(took) // 2] * 1e6


def owners() -> None:
    """Users whose work differs by Zipf's law, spread by a hash of their id; the busiest database against the mean."""
    found: list[tuple[str, str]] = []
    for users, skew in ((1_000, 0.0), (1_000, 1.0), (100_000, 0.0), (100_000, 0.8), (100_000, 1.0)):
        work = [1 / (rank + 1) ** skew for rank in range(users)]
        for shards in (4, 16):
            load = [0.0] * shards
            for user, amount in enumerate(work):
                load[int.from_bytes(blake2b(f"u{user}".encode(), digest_size=8).digest(), "big") % shards] += amount
            busiest = max(load) / (sum(load) / shards)
            found.append((f"{users:,} users, exponent {skew}, {shards} databases", f"{busiest:.2f}"))
    table("the busiest database, in shares of the mean", found)


def pool() -> None:
    """Poisson arrivals of short transactions at a few connections, first come first served."""
    chance = random.Random(7)
    found: list[tuple[str, str]] = []
    for connections in (5, 10, 20):
        for load in (0.5, 0.8, 0.95):
            mean_seconds = 0.003
            free = [0.0] * connections
            now, waits = 0.0, list[float]()
            for _ in range(200_000):
                now += chance.expovariate(load * connections / mean_seconds)
                first = heapq.heappop(free)
                waits.append(max(0.0, first - now))
                heapq.heappush(free, max(first, now) + chance.expovariate(1 / mean_seconds))
            waits.sort()
            rate = load * connections / mean_seconds
            found.append(
                (
                    f"{connections} connections, {rate:,.0f} transactions/s of 3 ms",
                    f"p99 waits {waits[-2000] * 1000:.1f} ms",
                )
            )
    table("waiting for a connection", found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("footprint", "partitions", "owners", "pool"))
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--rows", type=int, default=600_000)
    options = parser.parse_args()
    match options.part:
        case "footprint":
            asyncio.run(footprint(options.runs))
        case "partitions":
            asyncio.run(partitions(options.rows))
        case "owners":
            owners()
        case _:
            pool()


if __name__ == "__main__":
    main()
