"""Lists over many rows, through the running server: the latest 20 of a million runs, 50 messages of 10,000."""

from __future__ import annotations

import sqlite3
import statistics
import subprocess
import sys
import time
from pathlib import Path

import orjson
import uvloop

from client import Load
from processes import running

_ROUNDS = 200


def measure_lists(folder: str, runs: int) -> list[tuple[str, str, str]]:
    """Fill the database in *folder*, which nobody serves meanwhile, and time the two lists."""
    session_id = _fill(Path(folder) / "oneliner.db", runs)
    token = subprocess.check_output(
        [sys.executable, "-m", "oneliner", "token", "--user", "bench", "--data-dir", folder], text=True
    ).strip()
    with running(["-m", "oneliner", "serve", "--port", "0", "--data-dir", folder], cpu=0) as server:
        return uvloop.run(_time(server.url, token, session_id, runs))


async def _time(url: str, token: str, session_id: str, runs: int) -> list[tuple[str, str, str]]:
    load = Load(url, token)
    rows = []
    for name, path in (
        (f"latest 20 of {runs:,} runs", "/v2/oneliner/runs"),
        ("50 of 10,000 messages", f"/v1/agent/sessions/{session_id}/messages?limit=50"),
    ):
        times = []
        for _ in range(_ROUNDS):
            start = time.perf_counter()
            body = await load.get(path)
            times.append(time.perf_counter() - start)
        count = len(orjson.loads(body)["items"])
        rows.append((f"{name} ({count} items), over HTTP", f"{statistics.median(times) * 1000:.1f} ms", ""))
    await load.close()
    return rows


def _fill(path: Path, runs: int) -> str:
    """Multiply one finished run and its messages by inserting copies of their rows."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    session_id: str = connection.execute("SELECT session_id FROM agent_runs LIMIT 1").fetchone()[0]
    _copy(connection, "agent_runs", runs, {"id": "printf('%08x-0000-7000-8000-%012x', n / 65536, n)"})
    start = connection.execute("SELECT max(position) FROM messages WHERE session_id = ?", [session_id]).fetchone()[0]
    _copy(
        connection,
        "messages",
        10_000,
        {
            "id": "printf('%08x-0000-7000-9000-%012x', n / 65536, n)",
            "position": f"n + {start}",
            "session_id": f"'{session_id}'",
        },
    )
    connection.commit()
    connection.execute("ANALYZE")
    connection.close()
    return session_id


def _copy(connection: sqlite3.Connection, table: str, count: int, changed: dict[str, str]) -> None:
    columns = [r[1] for r in connection.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(changed.get(c, f"s.{c}") for c in columns)
    connection.execute(
        f"WITH RECURSIVE seq(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM seq WHERE n < {count})"
        f" INSERT INTO {table} ({', '.join(columns)}) SELECT {values}"
        f" FROM seq, (SELECT * FROM {table} LIMIT 1) s"
    )
