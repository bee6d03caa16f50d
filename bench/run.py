"""The table: what a run costs, side by side with a bare pass-through.

    uv run python bench/run.py            all of it, a few minutes
    uv run python bench/run.py --quick    a smaller round

The server has one processor, the model and the client share another. Figures from shared machines are noisy: compare
within one table, and quote medians and ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop
from rich.console import Console
from rich.table import Table

from client import Load, Seen
from lists import measure_lists
from processes import Measured, running

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

HERE = Path(__file__).parent
Row = tuple[str, str, str]


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def middle(values: list[float]) -> float:
    return statistics.median(values) if values else float("nan")


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else float("nan")


async def many(work: Callable[[], Awaitable[Seen]], count: int, at_once: int) -> list[Seen]:
    gate = asyncio.Semaphore(at_once)

    async def one() -> Seen:
        async with gate:
            return await work()

    return await asyncio.gather(*(one() for _ in range(count)))


def check(seen: list[Seen]) -> None:
    bad = [s.status for s in seen if s.status != "run.completed"]
    if bad:
        raise SystemExit(f"{len(bad)} of {len(seen)} runs did not complete: {set(bad)}")


async def sequential(load: Load, count: int) -> list[Row]:
    seen = [await load.run("hello") for _ in range(count)]
    check(seen)
    return [
        ("accepted (202), one at a time", ms(middle([s.accepted for s in seen])), ""),
        ("first event", ms(middle([s.first_event for s in seen])), ""),
        ("first token", ms(middle([s.first_token for s in seen])), ""),
        ("whole run, model at no cost", ms(middle([s.ended for s in seen])), ""),
    ]


async def saturated(load: Load, server: Measured, floor: Measured, count: int) -> list[Row]:
    bare = Load(floor.url, "")
    ours = await rate(server, load.run, count)
    through = await rate(floor, bare.passthrough, count)
    await bare.close()
    return [
        ("20-token runs a second, 64 at once", f"{ours[0]:.0f}", f"{through[0]:.0f}"),
        ("CPU per 20-token run", f"{ours[1] * 1e3:.2f} ms", f"{through[1] * 1e3:.2f} ms"),
    ]


async def rate(process: Measured, work: Callable[[str], Awaitable[Seen]], count: int) -> tuple[float, float]:
    """Runs a second, and CPU seconds for one."""
    check(await many(lambda: work("hello"), count // 10, 64))
    cpu, start = process.cpu_seconds, asyncio.get_running_loop().time()
    check(await many(lambda: work("hello"), count, 64))
    took = asyncio.get_running_loop().time() - start
    return count / took, (process.cpu_seconds - cpu) / count


async def per_token(load: Load, server: Measured, floor: Measured, tokens: int) -> list[Row]:
    bare = Load(floor.url, "")
    figures = [
        await token_cpu(process, work, tokens) for process, work in ((server, load.run), (floor, bare.passthrough))
    ]
    await bare.close()
    return [("CPU per streamed token (16 streams, 5 ms apart)", *(f"{f * 1e6:.0f} µs" for f in figures))]


async def token_cpu(process: Measured, work: Callable[[str], Awaitable[Seen]], tokens: int) -> float:
    """CPU seconds for one token of *work*, without what a run of one token costs."""

    async def used_for(message: str) -> float:
        before = process.cpu_seconds
        check(await many(lambda: work(message), 16, 16))
        return process.cpu_seconds - before

    short = await used_for("tokens=1 delay_ms=0")
    return (await used_for(f"tokens={tokens} delay_ms=5") - short) / (16 * tokens)


async def paced(load: Load, server: Measured, floor: Measured, streams: int, tokens: int) -> list[Row]:
    message = f"tokens={tokens} delay_ms=20"
    ideal = tokens * 0.02
    before = server.memory_mb
    task = asyncio.ensure_future(many(lambda: load.run(message), streams, streams))
    await asyncio.sleep(ideal / 2)
    during = server.memory_mb
    seen = await task
    check(seen)
    bare = Load(floor.url, "")
    through = await many(lambda: bare.passthrough(message), streams, streams)
    await bare.close()

    def late(all_seen: list[Seen]) -> list[float]:
        return [x for s in all_seen for x in s.late]

    return [
        (
            f"{streams} streams begun at once, 20 ms a token: stretch",
            *(f"{middle([s.ended for s in x]) / ideal:.2f}" for x in (seen, through)),
        ),
        (
            "  from the first token of each on",
            *(f"{middle([s.ended - s.first_token for s in x]) / (ideal - 0.02):.2f}" for x in (seen, through)),
        ),
        ("  latency per token, median", *(ms(middle(late(x))) for x in (seen, through))),
        ("  latency per token, p99", *(ms(percentile(late(x), 0.99)) for x in (seen, through))),
        ("  memory per active run with its stream", f"{(during - before) / streams * 1024:.0f} kB", ""),
    ]


async def open_streams(load: Load, server: Measured, count: int) -> list[Row]:
    before = server.memory_mb
    stop = asyncio.Event()

    async def hold() -> None:
        connection = await load.connection()
        waiting = asyncio.ensure_future(connection.ask(load.get_request("/v2/oneliner/stream"), Seen()))
        await asyncio.wait([waiting, asyncio.ensure_future(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
        connection.close()
        await asyncio.wait([waiting])
        waiting.exception()

    held = [asyncio.ensure_future(hold()) for _ in range(count)]
    await asyncio.sleep(3)
    after = server.memory_mb
    stop.set()
    await asyncio.gather(*held)
    return [("memory per open, idle stream", f"{(after - before) / count * 1024:.0f} kB", "")]


async def measure(server: Measured, floor: Measured, token: str, *, quick: bool) -> list[Row]:
    load = Load(server.url, token)
    await asyncio.sleep(1)
    rows: list[Row] = [("memory, idle", f"{server.memory_mb:.0f} MB", f"{floor.memory_mb:.0f} MB")]
    rows += await sequential(load, 50 if quick else 200)
    rows += await saturated(load, server, floor, 1_000 if quick else 5_000)
    rows += await per_token(load, server, floor, 200 if quick else 1_000)
    rows += await paced(load, server, floor, 256, 50 if quick else 100)
    rows += await open_streams(load, server, 100 if quick else 400)
    await load.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    os.sched_setaffinity(0, {1 % (os.cpu_count() or 1)})
    with tempfile.TemporaryDirectory() as folder, running([str(HERE / "mock_model.py")], cpu=1) as model:
        env = {
            "ONELINER_MODEL": "openai/mock",
            "ONELINER_MODEL_BASE_URL": model.url,
            "ONELINER_MODEL_API_KEY": "none-needed",
        }
        # As at nearly every start: nothing to migrate.
        subprocess.check_call(
            [sys.executable, "-m", "oneliner", "migrate", "--data-dir", folder], stdout=subprocess.DEVNULL
        )
        serve = ["-m", "oneliner", "serve", "--port", "0", "--data-dir", folder]
        token = subprocess.check_output(
            [sys.executable, "-m", "oneliner", "token", "--user", "bench", "--role", "admin", "--data-dir", folder],
            text=True,
        ).strip()
        with (
            running(serve, cpu=0, env=env) as server,
            running([str(HERE / "passthrough.py"), model.url], cpu=0) as floor,
        ):
            rows = uvloop.run(measure(server, floor, token, quick=args.quick))
        rows += measure_lists(folder, 100_000 if args.quick else 1_000_000)
    table = Table("figure", "OneLiner", "bare pass-through")
    for row in rows:
        table.add_row(*row)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
