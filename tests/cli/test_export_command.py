"""``oneliner export``: whole files, or none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.cli.command_kit import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.command_kit import Served
    from tests.cli.conftest import Call


@pytest.fixture
def chatted(call: Call, tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path / "data") as served:
        done = call("run", "What is 17 times 23?", data_dir=served.data_dir)
        assert done.code == 0, done.out + done.err
        yield served


def test_a_session_and_a_user_are_written_as_everything_or_to_be_read(
    call: Call, chatted: Served, tmp_path: Path
) -> None:
    run = json.loads(call("runs", "list", "--json", data_dir=chatted.data_dir).out.splitlines()[0])
    session_id = run["session_id"]

    whole = call("export", "session", session_id, data_dir=chatted.data_dir)
    lines = [json.loads(line) for line in whole.out.splitlines()]
    assert (whole.code, lines[0]["kind"], lines[-1]["kind"]) == (0, "session", "end")
    assert lines[-1]["lines"] == len(lines) - 1

    file = tmp_path / "talk.md"
    read = call("export", "session", session_id, "--format", "markdown", "-o", str(file), data_dir=chatted.data_dir)
    assert (read.code, read.out) == (0, "")
    assert "What is 17 times 23?" in file.read_text("utf-8")

    user = tmp_path / "local.jsonl"
    assert call("export", "user", "local", "-o", str(user), data_dir=chatted.data_dir).code == 0
    kinds = [json.loads(line)["kind"] for line in user.read_text("utf-8").splitlines()]
    assert kinds[0] == "user"
    assert kinds[-1] == "end"
    assert {"session", "run", "message", "event"} <= set(kinds)


def test_what_cannot_be_exported_leaves_no_file(call: Call, chatted: Served, tmp_path: Path) -> None:
    file = tmp_path / "none.jsonl"
    found = call("export", "user", "nobody/../else", "-o", str(file), data_dir=chatted.data_dir)
    assert found.code == 1
    assert list(tmp_path.glob("*none*")) == []
    unknown = call("export", "session", "01890000-0000-7000-8000-000000000000", data_dir=chatted.data_dir)
    assert (unknown.code, unknown.out) == (1, "")
