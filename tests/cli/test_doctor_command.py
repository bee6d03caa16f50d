"""``oneliner doctor``: a whole walk where all is well, and each planted fault named by stage and cause."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli.command_kit import Served, oneliner
from tests.support.redis import REDIS_URL, free_port

from oneliner.terminal.doctor.judging import STAGES

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.cli.conftest import Call
    from tests.support.databases import PostgresServer

POSTGRES = "postgresql+asyncpg://nobody:s3cret-canary@127.0.0.1:1/none"


def stages(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


@contextmanager
def answering(status: int, body: str = "{}") -> Generator[str]:
    """A server that answers everything alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            self.rfile.read(length)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_GET  # noqa: N815 - the base class looks for this name

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_running_server_is_walked_from_end_to_end(served: Served) -> None:
    token = oneliner("token", "--user", "ann", data_dir=served.data_dir).stdout.strip()
    done = oneliner(
        "doctor", "--new-session", "--json", "--server", served.url, "--token", token, data_dir=served.data_dir
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = stages(done.stdout)
    assert [s["stage"] for s in told] == list(STAGES)
    assert {s["stage"] for s in told if s["outcome"] == "skipped"} == set(STAGES[: STAGES.index("server")])
    assert all(s["outcome"] != "failed" and s["seconds"] <= s["limit_seconds"] for s in told)


def test_a_data_folder_is_walked_with_a_server_of_its_own(data_dir: Path) -> None:
    done = oneliner("doctor", "--new-session", data_dir=data_dir)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "session, messages and run are gone" in done.stdout
    # What was opened for the diagnosis is deleted; a second walk finds everything in its place.
    again = oneliner("doctor", "--json", data_dir=data_dir)
    skipped = {s["stage"] for s in stages(again.stdout) if s["outcome"] == "skipped"}
    assert again.returncode == 0
    assert skipped == {"broker", "worker", "bus", *STAGES[STAGES.index("enqueue") :]}


def failed(call: Call, data_dir: Path, *arguments: str, **variables: str) -> tuple[str, str]:
    called = call("doctor", "--json", *arguments, data_dir=data_dir, **variables)
    told = stages(called.out)
    assert called.code in {1, 2}, called.out
    assert [s["outcome"] for s in told].count("failed") == 1
    last = told[-1]
    assert last["next"]
    assert "canary" not in called.out + called.err
    return last["stage"], last["cause"]


@pytest.mark.parametrize(
    ("variables", "stage", "cause"),
    [
        ({"ONELINER_PORT": "many"}, "configuration", "ONELINER_PORT must be a port"),
        ({"ONELINER_BROKER_URL": "redis://x"}, "configuration", "names no PostgreSQL database"),
        ({"ONELINER_JWT_SECRET": "canary"}, "configuration", "too weak"),
        ({"ONELINER_MODLE": "x/y"}, "configuration", "ONELINER_MODLE is no setting"),
        ({"ONELINER_DATABASE_URL": POSTGRES}, "database", "PostgreSQL at 127.0.0.1:1/none cannot be reached"),
        ({"ONELINER_REDIS_URL": "redis://:canary@127.0.0.1:1/"}, "bus", "the bus at 127.0.0.1:1 cannot be reached"),
        (
            {"ONELINER_MODEL": "openai/x", "ONELINER_MODEL_BASE_URL": "http://127.0.0.1:1/v1"},
            "model",
            "endpoint 127.0.0.1:1 cannot be reached",
        ),
    ],
)
def test_a_fault_of_a_part_is_named(
    call: Call, data_dir: Path, variables: dict[str, str], stage: str, cause: str
) -> None:
    found = failed(call, data_dir, **variables)
    assert found[0] == stage
    assert cause in found[1]


def test_a_data_folder_that_is_a_file(call: Call, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no folder")
    assert failed(call, tmp_path / "data" / "below")[0] == "configuration"


def test_a_file_that_is_no_database(call: Call, data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "oneliner.db").write_text("this is no database, but it is long enough to be one " * 40)
    stage, cause = failed(call, data_dir)
    assert (stage, "file is not a database" in cause) == ("database", True)


def test_a_database_of_another_schema(call: Call, data_dir: Path) -> None:
    data_dir.mkdir()
    sqlite3.connect(data_dir / "oneliner.db").execute("CREATE TABLE another (id INTEGER)").connection.close()
    assert failed(call, data_dir)[0] == "migrations"


def test_a_database_that_was_never_migrated(call: Call, data_dir: Path, postgres_server: PostgresServer) -> None:
    with postgres_server.fresh(migrated=False) as url:
        assert failed(call, data_dir, ONELINER_DATABASE_URL=url)[0] == "migrations"


def test_a_broker_that_is_not_there(call: Call, data_dir: Path, postgres_url: str) -> None:
    broker = f"redis://:canary@127.0.0.1:{free_port()}/0"
    stage, cause = failed(call, data_dir, ONELINER_DATABASE_URL=postgres_url, ONELINER_BROKER_URL=broker)
    assert (stage, "cannot be reached" in cause) == ("broker", True)


def test_workers_that_are_not_there(call: Call, data_dir: Path, postgres_url: str) -> None:
    variables = {"ONELINER_BROKER_URL": REDIS_URL, "ONELINER_QUEUE": f"nobody-{os.getpid()}"}
    stage, cause = failed(call, data_dir, ONELINER_DATABASE_URL=postgres_url, **variables)
    assert (stage, "no worker takes runs from the queue 'nobody-" in cause) == ("worker", True)


def test_a_server_that_is_not_there(call: Call, data_dir: Path) -> None:
    stage, cause = failed(call, data_dir, "--server", f"http://127.0.0.1:{free_port()}", "--token", "t")
    assert (stage, "no OneLiner server answers" in cause) == ("server", True)


def test_a_server_that_is_another_one(call: Call, data_dir: Path) -> None:
    with answering(200, "[]") as url:
        stage, cause = failed(call, data_dir, "--server", url, "--token", "t")
    assert (stage, "with something else" in cause) == ("server", True)


def test_a_server_whose_database_is_away(call: Call, data_dir: Path) -> None:
    with answering(503, '{"status": "ok", "ready": false, "parts": {"database": "it is locked"}}') as url:
        stage, cause = failed(call, data_dir, "--server", url, "--token", "t")
    assert (stage, cause) == ("database", "the server's database is not well: it is locked")


def test_a_token_that_is_not_accepted(call: Call, served: Served, data_dir: Path) -> None:
    stage, cause = failed(call, data_dir, "--server", served.url, "--token", "canary")
    assert (stage, cause) == ("auth", "the server does not accept the token")


@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        (401, '{"error": {"message": "no"}}', "the provider does not accept the key"),
        (404, '{"error": {"message": "no such model"}}', "the provider refuses the request"),
        (500, "broken", "the model's endpoint does not answer"),
    ],
)
def test_a_model_that_does_not_answer(call: Call, data_dir: Path, status: int, body: str, cause: str) -> None:
    with answering(status, body) as url:
        variables = {
            "ONELINER_MODEL": "openai/x",
            "ONELINER_MODEL_BASE_URL": url,
            "ONELINER_MODEL_API_KEY": "sk-canary-1",
        }
        stage, found = failed(call, data_dir, "--new-session", **variables)
    assert (stage, cause in found) == ("model", True), found


def test_a_server_without_a_token_is_wrong_usage(call: Call, data_dir: Path) -> None:
    called = call("doctor", "--server", "http://127.0.0.1:1", data_dir=data_dir)
    assert called.code == 2
    assert "wants a token" in called.err
