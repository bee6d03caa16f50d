"""``oneliner smoke``: a deployment that is well, and what is told of one that is not."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from tests.cli.command_kit import serving
from tests.cli.test_doctor_command import answering
from tests.support.redis import free_port

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.cli.command_kit import Served
    from tests.cli.conftest import Call

STAGES = ["server", "pages", "auth", "enqueue", "events", "rows", "totals", "delete"]


@contextmanager
def passing_on(url: str, *, missing: str) -> Generator[str]:
    """What stands in front of a server and does not know of one of its files."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith(missing):
                self.send_error(404)
                return
            with urlopen(url + self.path) as answer:  # noqa: S310 - a server of the tests
                body = answer.read()
                self.send_response(200)
                self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing."""

        def log_error(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's word
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def stages(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_a_deployment_that_is_well_is_walked_to_the_end_and_keeps_nothing(call: Call, served: Served) -> None:
    done = call("smoke", served.url, "--json", "--wait", "20", data_dir=served.data_dir)
    assert done.code == 0, done.out + done.err
    told = stages(done.out)
    assert [s["stage"] for s in told] == STAGES
    assert {s["outcome"] for s in told} == {"ok"}
    pages = next(s["seen"] for s in told if s["stage"] == "pages")
    # The console alone is more than forty modules and style sheets.
    assert int(pages.split()[0]) > 40


def test_a_person_reads_it_line_by_line_with_a_token_of_his_own(call: Call, served: Served) -> None:
    token = call("token", "--user", "ann", data_dir=served.data_dir).out.strip()
    done = call("smoke", served.url, data_dir=served.data_dir, ONELINER_TOKEN=token)
    assert done.code == 0, done.out + done.err
    assert "ann (member)" in done.out
    assert "session, messages and run are gone" in done.out


def test_nobody_there_is_another_exit_code_than_something_wrong(call: Call, served: Served, data_dir: Path) -> None:
    away = call("smoke", f"http://127.0.0.1:{free_port()}", "--json", data_dir=data_dir)
    (only,) = stages(away.out)
    assert (away.code, only["stage"], only["outcome"]) == (3, "server", "failed")

    stranger = call("smoke", served.url, "--json", data_dir=data_dir)
    last = stages(stranger.out)[-1]
    assert (stranger.code, last["stage"], last["outcome"]) == (1, "auth", "failed")
    assert "does not accept the token" in last["cause"]

    assert call("smoke", "agent.example.com", data_dir=data_dir).code == 2


def test_something_else_that_answers_is_no_server(call: Call, data_dir: Path) -> None:
    with answering(200) as url:
        found = call("smoke", url, "--json", data_dir=data_dir)
    assert (found.code, stages(found.out)[0]["stage"]) == (3, "server")


def test_a_file_that_a_module_of_the_page_needs_and_that_is_not_there_is_named(call: Call, served: Served) -> None:
    with passing_on(served.url, missing="/oneliner/sse.js") as url:
        found = call("smoke", url, "--json", data_dir=served.data_dir)
    last = stages(found.out)[-1]
    assert (found.code, last["stage"]) == (1, "pages")
    assert "/oneliner/sse.js is answered with status 404" in last["cause"]


def test_a_run_that_fails_is_told_with_its_cause(call: Call, data_dir: Path) -> None:
    with answering(401, '{"error": {"message": "no"}}') as model:
        key = "sk-canary-0123456789"
        with serving(
            data_dir, ONELINER_MODEL="openai/x", ONELINER_MODEL_BASE_URL=model, ONELINER_MODEL_API_KEY=key
        ) as served:
            found = call("smoke", served.url, "--json", data_dir=data_dir)
    last = stages(found.out)[-1]
    assert (found.code, last["stage"]) == (1, "model")
    assert "does not accept the key" in last["cause"]
    assert "canary" not in found.out + found.err
