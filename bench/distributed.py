"""The same load on the engines a deployment can have: one table, with the embedded one beside the others.

    .venv/bin/python bench/distributed.py            all of it, a few minutes
    .venv/bin/python bench/distributed.py --quick    a smaller round

Everything shares the machine's processors: servers, workers, PostgreSQL, Redis, the model and the client. Needs PostgreSQL
(ONELINER_TEST_POSTGRES_URL) and redis-server; makes a database and a Redis of its own, and leaves nothing behind.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from tests.support.databases import PostgresServer  # noqa: E402
from tests.support.redis import PrivateRedis  # noqa: E402

from client import Load  # noqa: E402 - the tests' helpers are found from the project's folder
from processes import Measured, running  # noqa: E402
from run import check, many, middle, ms, percentile  # noqa: E402

SECRET = "s" * 32 + "0123456789abcdef"
STREAMS = 256
Figures = dict[str, str]


def cpu_of_services() -> float:
    """CPU seconds of all processes of PostgreSQL and Redis, with those that have ended."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue
        if head.endswith(("(postgres", "(redis-server")):
            total += sum(int(value) for value in rest.split()[11:15])
    return total / os.sysconf("SC_CLK_TCK")


async def measure(url: str, token: str, processes: list[Measured], *, runs: int, tokens: int) -> Figures:
    load = Load(url, token)

    def cpu() -> float:
        return sum(process.cpu_seconds for process in processes)

    check(await many(lambda: load.run("hello"), runs // 5, 64))
    alone = [await load.run("tokens=1 delay_ms=1") for _ in range(runs // 20)]
    check(alone)
    figures = {"answer (202) to first call of the model, p50": ms(middle([s.model_asked - s.accepted for s in alone]))}

    before, services, start = cpu(), cpu_of_services(), time.monotonic()
    check(await many(lambda: load.run("hello"), runs, 64))
    took = time.monotonic() - start
    figures |= {
        "20-token runs a second, 64 at once": f"{runs / took:.0f}",
        "CPU per run, OneLiner": ms((cpu() - before) / runs),
        "CPU per run, PostgreSQL and Redis": ms((cpu_of_services() - services) / runs),
    }

    message = f"tokens={tokens} delay_ms=20"
    idle = cpu()
    seen = await many(lambda: load.run(message), STREAMS, STREAMS)
    check(seen)
    late = [x for s in seen for x in s.late]
    all_begun = max(s.at[0] for s in seen)
    steady = [x for s in seen for x, at in zip(s.late, s.at, strict=True) if at > all_begun]
    figures |= {
        f"CPU per streamed token, {STREAMS} paced streams": f"{(cpu() - idle) / (STREAMS * tokens) * 1e6:.0f} µs",
        "  stretch from the first token on": f"{middle([s.ended - s.first_token for s in seen]) / ((tokens - 1) * 0.02):.2f}",
        "  latency per token, median": ms(middle(late)),
        "  latency per token, p99": ms(percentile(late, 0.99)),
        "  the same once all have begun": ms(percentile(steady, 0.99)),
        f"memory of each process with {STREAMS} streams": " + ".join(f"{p.memory_mb:.0f}" for p in processes) + " MB",
    }
    await load.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    size = {"runs": 500, "tokens": 100} if parser.parse_args().quick else {"runs": 3_000, "tokens": 250}
    engines: dict[str, Figures] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        model = stack.enter_context(running([str(HERE / "mock_model.py")], cpu=None))
        redis = PrivateRedis(folder)
        redis.start()
        stack.callback(redis.kill)
        server = PostgresServer()
        server.begin()
        stack.callback(server.end)
        base = {
            "ONELINER_MODEL": "openai/mock",
            "ONELINER_MODEL_BASE_URL": model.url,
            "ONELINER_MODEL_API_KEY": "none-needed",
            "ONELINER_JWT_SECRET": SECRET,
        }
        for name, has_database, has_worker in (
            ("SQLite", False, False),
            ("PostgreSQL", True, False),
            ("PostgreSQL, Redis, Celery", True, True),
        ):
            with ExitStack() as one:
                env = {**base, "ONELINER_DATA_DIR": str(folder / name.split(",")[0])}
                if has_database:
                    env["ONELINER_DATABASE_URL"] = one.enter_context(server.fresh())
                if has_worker:
                    env |= {"ONELINER_REDIS_URL": redis.url, "ONELINER_BROKER_URL": redis.url.replace("/0", "/1")}
                token = subprocess.check_output(
                    [sys.executable, "-m", "oneliner", "token", "--user", "bench"], env={**os.environ, **env}, text=True
                ).strip()
                serve = one.enter_context(running(["-m", "oneliner", "serve", "--port", "0"], cpu=None, env=env))
                processes = [serve]
                if has_worker:
                    ready = "worker.ready"
                    processes.append(
                        one.enter_context(running(["-m", "oneliner", "worker"], cpu=None, env=env, ready=ready))
                    )
                engines[name] = uvloop.run(measure(serve.url, token, processes, **size))
    table = Table("figure", *engines)
    for figure in next(iter(engines.values())):
        table.add_row(figure, *(figures[figure] for figures in engines.values()))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
