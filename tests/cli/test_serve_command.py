from __future__ import annotations

import asyncio
import json
import signal
import socket
import sqlite3
import stat
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
from tests.cli.command_kit import COMMAND, Served, environment, oneliner, serving

from oneliner.settings import Settings
from oneliner.testing import Held, ModelServer, Reply
from oneliner.wiring import issue_token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.cli.conftest import Call


def test_a_server_says_where_it_is_what_model_answers_and_how_to_get_a_real_one(served: Served) -> None:
    assert served.url.startswith("http://127.0.0.1:")
    assert served.fact("Model") == "demo/oneliner"
    assert "ONELINER_MODEL" in served.printed
    assert httpx.get(f"{served.url}/healthz").status_code == 200


def test_the_data_folder_and_its_secret_are_for_their_owner_alone(served: Served) -> None:
    assert stat.S_IMODE(served.data_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE((served.data_dir / "secret").stat().st_mode) == 0o600


def test_no_answer_names_the_server_software(served: Served) -> None:
    assert "server" not in httpx.get(f"{served.url}/healthz").headers


def test_the_printed_link_signs_in_once(data_dir: Path) -> None:
    with serving(data_dir) as running:
        code = urlsplit(running.fact("Sign in")).fragment.removeprefix("code=")

        signed_in = httpx.post(f"{running.url}/v1/auth/exchange", json={"code": code})
        again = httpx.post(f"{running.url}/v1/auth/exchange", json={"code": code})

        headers = {"Authorization": f"Bearer {signed_in.json()['token']}"}
        assert httpx.get(f"{running.url}/v2/oneliner/me", headers=headers).status_code == 200
        assert again.status_code in {401, 404, 422}


def test_a_token_made_on_the_data_folder_is_accepted_and_is_all_that_is_printed(served: Served) -> None:
    made = oneliner("token", "--user", "ada", "--role", "admin", data_dir=served.data_dir)

    assert made.returncode == 0
    assert made.stderr == ""
    token, rest = made.stdout.split("\n", 1)
    assert rest == ""
    answer = httpx.get(f"{served.url}/v2/oneliner/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert "ada" in answer.text


def test_a_taken_port_is_told_and_nothing_is_made(call: Call, data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        refused = call("serve", "--port", port, data_dir=data_dir)

    assert refused.code == 2
    assert f"port {port} on 127.0.0.1 is taken" in refused.err
    assert "Traceback" not in refused.err
    assert not data_dir.exists()


def test_a_second_server_on_the_same_data_folder_is_refused_with_the_address_of_the_first(served: Served) -> None:
    refused = oneliner("serve", "--port", "0", data_dir=served.data_dir)

    assert refused.returncode == 2
    assert served.url in refused.stderr


def test_a_bad_setting_is_told_by_name_and_a_misspelt_one_is_pointed_out(call: Call, data_dir: Path) -> None:
    refused = call("serve", data_dir=data_dir, ONELINER_LEASE_SECONDS="soon", ONELINER_MODLE="x")
    misspelt = call("migrate", "--check", data_dir=data_dir, ONELINER_MODLE="x")

    assert refused.code == 2
    assert "ONELINER_LEASE_SECONDS must be a number of seconds" in refused.err
    assert "ONELINER_MODLE is no setting and is not used; did you mean ONELINER_MODEL?" in misspelt.err


def test_a_weak_secret_is_refused_without_being_repeated(call: Call, data_dir: Path) -> None:
    refused = call("serve", "--port", "0", data_dir=data_dir, ONELINER_JWT_SECRET="correct horse")

    assert refused.code == 2
    assert "ONELINER_JWT_SECRET" in refused.err
    assert "horse" not in refused.err


def test_the_end_signal_stops_a_server_that_has_nothing_to_do_at_once(data_dir: Path) -> None:
    with serving(data_dir) as running:
        running.process.send_signal(signal.SIGTERM)

        assert running.out.read().endswith("Stopped.\n")
        assert running.process.wait(10) == 0
        assert not (data_dir / "server.json").exists()


def signed_in(served: Served) -> httpx.AsyncClient:
    token = issue_token(Settings.load({}, data_dir=served.data_dir), "ada", ttl_seconds=600)
    return httpx.AsyncClient(base_url=served.url, headers={"Authorization": f"Bearer {token}"}, timeout=30)


async def started_chat(client: httpx.AsyncClient, text: str) -> str:
    begun = await client.post("/v1/agent/runs", json={"message": text})
    return begun.json()["run_id"]


async def until_text(lines: AsyncIterator[str]) -> None:
    async for line in lines:
        if '"message.delta"' in line or '"message.snapshot"' in line:
            return


async def test_ctrl_c_lets_a_run_under_way_finish_while_its_reader_watches(data_dir: Path) -> None:
    release = asyncio.Event()
    async with ModelServer() as model:
        model.script(Held(release, Reply("It took a while."), after_chunks=1))
        with serving(data_dir, "--model", "openai/scripted", "--model-base-url", model.base_url) as running:
            async with signed_in(running) as client:
                run_id = await started_chat(client, "hello")
                async with client.stream("GET", f"/v1/agent/runs/{run_id}/events") as events:
                    lines = events.aiter_lines()
                    await until_text(lines)
                    running.process.send_signal(signal.SIGINT)
                    assert await asyncio.to_thread(running.out.readline) == "\n"
                    assert "Stopping" in await asyncio.to_thread(running.out.readline)
                    release.set()
                    rest = [line async for line in lines]
            assert any('"run.completed"' in line for line in rest)
            assert await asyncio.to_thread(running.process.wait, 10) == 0


async def test_a_second_ctrl_c_ends_at_once_and_the_run_goes_on_at_the_next_start(data_dir: Path) -> None:
    async with ModelServer() as model:
        model.script(Held(asyncio.Event(), Reply("never said"), after_chunks=1), Reply("Said in the end."))
        options = ("--model", "openai/scripted", "--model-base-url", model.base_url, "--grace-seconds", "600")
        with serving(data_dir, *options) as running:
            async with signed_in(running) as client:
                run_id = await started_chat(client, "hello")
                async with client.stream("GET", f"/v1/agent/runs/{run_id}/events") as events:
                    await until_text(events.aiter_lines())
                running.process.send_signal(signal.SIGINT)
                assert await asyncio.to_thread(running.out.readline) == "\n"
                running.process.send_signal(signal.SIGINT)
                assert await asyncio.to_thread(running.process.wait, 10) == 130
        following = await asyncio.create_subprocess_exec(
            *COMMAND,
            *("runs", "follow", "--json", run_id),
            env=environment(data_dir, ONELINER_MODEL="openai/scripted", ONELINER_MODEL_BASE_URL=model.base_url),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await following.communicate()
    assert following.returncode == 0
    last = json.loads(out.decode().splitlines()[-1])
    assert last["run"]["result"]["text"] == "Said in the end."


def test_migrate_says_whether_anything_is_to_be_done(call: Call, data_dir: Path) -> None:
    behind = call("migrate", "--check", data_dir=data_dir)
    done = call("migrate", data_dir=data_dir)
    up_to_date = call("migrate", "--check", data_dir=data_dir)

    assert (behind.code, done.code, up_to_date.code) == (3, 0, 0)
    assert "not up to date" in behind.err
    assert "is now up to date" in done.out


def at_revision(call: Call, data_dir: Path, revision: str) -> None:
    assert call("migrate", data_dir=data_dir).code == 0
    with closing(sqlite3.connect(data_dir / "oneliner.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))


def test_a_database_that_a_newer_version_only_added_to_is_served(call: Call, data_dir: Path) -> None:
    at_revision(call, data_dir, "0999_needs_0001")

    checked = call("migrate", "--check", data_dir=data_dir)
    assert checked.code == 0
    assert "newer version" in checked.out
    with serving(data_dir) as running:
        assert httpx.get(f"{running.url}/readyz").status_code == 200


def test_a_database_that_is_too_new_is_left_alone_and_the_way_out_is_told(call: Call, data_dir: Path) -> None:
    at_revision(call, data_dir, "0999_needs_0998")

    checked = call("migrate", "--check", data_dir=data_dir)
    migrated = call("migrate", data_dir=data_dir)
    refused = oneliner("serve", "--port", "0", data_dir=data_dir)

    assert (checked.code, migrated.code, refused.returncode) == (4, 2, 2)
    assert "upgrade OneLiner here too" in checked.err
    assert "upgrade OneLiner here too" in refused.stderr


def test_migrate_tells_a_database_that_cannot_be_reached_from_one_that_is_behind(call: Call, data_dir: Path) -> None:
    nowhere = call(
        "migrate", "--check", data_dir=data_dir, ONELINER_DATABASE_URL="postgresql+asyncpg://nobody@127.0.0.1:1/none"
    )
    assert nowhere.code == 1
    assert "cannot be reached" in nowhere.err
