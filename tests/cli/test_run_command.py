from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli.command_kit import Served, Terminal, oneliner, serving

from oneliner.settings import Settings
from oneliner.testing import Held, ModelServer, Reply
from oneliner.wiring import issue_token

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Call, Called


def objects(called: Called) -> list[dict[str, Any]]:
    return [json.loads(line) for line in called.out.splitlines()]


def run_of(called: Called) -> dict[str, Any]:
    last = objects(called)[-1]
    assert last["type"] == "run"
    return last["run"]


def test_a_run_in_a_pipe_shows_the_tool_calls_the_answer_and_the_cost(served: Served) -> None:
    done = oneliner("run", "What is 17 times 23?", data_dir=served.data_dir)

    assert done.returncode == 0
    assert done.stderr == ""
    assert 'tool calculator {"expression":"17 * 23"}' in done.stdout
    assert "391" in done.stdout
    assert "cost $0.000" in done.stdout


def test_json_is_one_event_a_line_without_a_gap_and_at_the_end_the_run(call: Call, served: Served) -> None:
    done = call("run", "--json", "hello", data_dir=served.data_dir)

    assert done.code == 0
    *events, last = objects(done)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert (events[0]["type"], events[-1]["type"]) == ("run.created", "run.completed")
    assert last["run"]["run_status"] == "done"
    assert last["run"]["usage"]["cost"] is not None


def test_a_run_goes_on_in_a_session_and_in_a_project(call: Call, served: Served) -> None:
    first = run_of(call("run", "--json", "--project", "alpha", "hello", data_dir=served.data_dir))
    second = run_of(call("run", "--json", "--session", first["session_id"], "and again", data_dir=served.data_dir))

    assert second["session_id"] == first["session_id"]
    assert second["project_id"] == "alpha"


def test_without_a_server_a_run_brings_its_own_and_leaves_none_behind(call: Call, data_dir: Path) -> None:
    done = call("run", "--json", "hello", data_dir=data_dir)

    assert done.code == 0
    assert run_of(done)["run_status"] == "done"
    assert not (data_dir / "server.json").exists()


def test_a_plan_waits_for_its_confirmation_where_nobody_can_be_asked(call: Call, served: Served) -> None:
    waits = call("run", "--plan", "Review the accounts", data_dir=served.data_dir)

    assert waits.code == 4
    assert "Plan: Review the accounts" in waits.out
    assert "oneliner runs follow" in waits.err


def test_a_plan_is_confirmed_unasked_with_yes_and_its_steps_are_shown(call: Call, served: Served) -> None:
    done = call("run", "--plan", "--yes", "Review the accounts", data_dir=served.data_dir)

    assert done.code == 0
    assert "· confirmed" in done.out
    assert "step done: Check the result against the goal" in done.out


def test_a_question_waits_where_nobody_can_be_asked_and_is_asked_in_a_terminal(call: Call, served: Served) -> None:
    waits = call("run", "--json", "ask me something", data_dir=served.data_dir)
    assert waits.code == 4
    run_id = objects(waits)[0]["run_id"]

    with Terminal("runs", "follow", run_id, data_dir=served.data_dir) as terminal:
        terminal.until("asks: ")
        terminal.until("Your answer:")
        terminal.type("Keep it short.")
        terminal.until("Keep it short.")
        terminal.until("done")
        terminal.until("cost $")
        assert terminal.ended() == 0


def test_in_a_terminal_a_plan_is_revised_in_words_and_then_confirmed(served: Served) -> None:
    with Terminal("run", "--plan", "Review the accounts", data_dir=served.data_dir) as terminal:
        terminal.until("Plan: Review the accounts")
        terminal.until("[a] another")
        terminal.type("a")
        terminal.until("What should be different")
        terminal.type("begin with the largest")
        terminal.until("another plan was asked for: begin with the largest")
        terminal.until("[c] confirm")
        terminal.type("")
        terminal.until("confirmed")
        terminal.until("step done")
        assert terminal.ended() == 0


def test_in_a_terminal_a_plan_is_edited_in_the_editor(served: Served, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "Only this step\\n" > "$1"\n')
    editor.chmod(0o700)
    with Terminal("run", "--plan", "Review", data_dir=served.data_dir, EDITOR=str(editor)) as terminal:
        terminal.until("[e] edit")
        terminal.type("e")
        terminal.until("plan changed")
        terminal.until("1. Only this step")
        terminal.until("[c] confirm")
        terminal.type("x")
        terminal.until("cancelled")
        assert terminal.ended() == 3


def test_ctrl_c_in_a_terminal_asks_and_can_cancel_the_run(call: Call, served: Served) -> None:
    waits = call("run", "--json", "ask me something", data_dir=served.data_dir)
    run_id = objects(waits)[0]["run_id"]

    with Terminal("runs", "follow", run_id, data_dir=served.data_dir) as terminal:
        terminal.until("Ctrl-C to leave")
        terminal.until("Your answer:")
        terminal.interrupt_until("[x] cancel")
        terminal.type("x")
        terminal.until("cancelled")
        assert terminal.ended() == 3


def test_runs_are_listed_and_shown(call: Call, served: Served) -> None:
    run = run_of(call("run", "--json", "--project", "listed", "What is 2 + 3?", data_dir=served.data_dir))

    listed = call("runs", "list", "--project", "listed", "--status", "done", data_dir=served.data_dir)
    none = call("runs", "list", "--project", "listed", "--status", "failed", data_dir=served.data_dir)
    shown = call("runs", "show", run["id"], data_dir=served.data_dir)
    as_json = call("runs", "show", "--json", run["id"], data_dir=served.data_dir)
    followed = call("runs", "follow", run["id"], data_dir=served.data_dir)

    assert [line.split("\t")[:2] for line in listed.out.splitlines()] == [[run["id"], "done"]]
    assert none.out == ""
    assert run["session_id"] in shown.out
    assert f"${run['usage']['cost']}" in shown.out
    assert json.loads(as_json.out) == run
    assert "tool calculator answered: 5" in followed.out


def test_looking_at_runs_sets_none_going(call: Call, data_dir: Path) -> None:
    left = call("run", "--plan", "Review", data_dir=data_dir)
    listed = call("runs", "list", "--json", data_dir=data_dir)

    assert left.code == 4
    assert [run["run_status"] for run in objects(listed)] == ["needs_confirmation"]


def test_a_named_server_wants_a_token_and_takes_one(call: Call, served: Served, data_dir: Path) -> None:
    token = issue_token(Settings.load({}, data_dir=served.data_dir), "ada", ttl_seconds=600)

    without = call("run", "--server", served.url, "hello", data_dir=data_dir)
    with_it = call("run", "--json", "hello", data_dir=data_dir, ONELINER_SERVER=served.url, ONELINER_TOKEN=token)

    assert without.code == 2
    assert "--token" in without.err
    assert run_of(with_it)["user_id"] == "ada"


@pytest.mark.parametrize("command", [("runs", "show", "nothing"), ("runs", "follow", "nothing")])
def test_an_unknown_run_is_told_as_such(call: Call, served: Served, command: tuple[str, ...]) -> None:
    refused = call(*command, data_dir=served.data_dir)

    assert refused.code == 1
    assert refused.err.startswith("oneliner: no run 'nothing'")


def test_a_server_that_is_not_there_and_a_token_that_is_not_accepted_are_told(call: Call, served: Served) -> None:
    gone = call("runs", "list", "--server", "http://127.0.0.1:1", "--token", "x", data_dir=served.data_dir)
    refused = call("runs", "list", "--server", served.url, "--token", "x", data_dir=served.data_dir)

    assert (gone.code, refused.code) == (1, 1)
    assert "http://127.0.0.1:1 cannot be reached" in gone.err
    assert "Traceback" not in gone.err + refused.err


def test_nothing_to_do_is_wrong_usage(call: Call, data_dir: Path) -> None:
    assert call("run", " ", data_dir=data_dir).code == 2
    assert not data_dir.exists()


async def test_ctrl_c_while_the_agent_answers_asks_whether_to_leave_or_to_cancel(data_dir: Path) -> None:
    never = asyncio.Event()
    async with ModelServer() as model:
        model.script(*(Held(never, Reply("Once upon a time."), after_chunks=2) for _ in range(2)))
        options = ("--model", "openai/scripted", "--model-base-url", model.base_url, "--grace-seconds", "0")

        def leave_then_come_back_and_cancel() -> tuple[int, int]:
            with serving(data_dir, *options):
                with Terminal("run", "hello", data_dir=data_dir) as terminal:
                    terminal.until("Once")
                    terminal.process.send_signal(signal.SIGINT)
                    terminal.until("[x] cancel")
                    terminal.type("l")
                    terminal.until("run ")
                    run_id = terminal.screen[:36]
                    left = terminal.ended()
                with Terminal("runs", "follow", run_id, data_dir=data_dir) as terminal:
                    terminal.until("Once")
                    terminal.process.send_signal(signal.SIGINT)
                    terminal.until("[x] cancel")
                    terminal.type("x")
                    terminal.until("the answer was cut off here")
                    terminal.until("cancelled")
                    return left, terminal.ended()

        assert await asyncio.to_thread(leave_then_come_back_and_cancel) == (130, 3)
