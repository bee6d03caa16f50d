"""The files in ``deploy/`` are what their tools take, and name only settings, commands and options that exist."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from oneliner import cli
from oneliner.settings import SETTINGS

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
UNITS = sorted((DEPLOY / "systemd").iterdir())
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICE_KEYS = {
    *("image", "build", "command", "environment", "depends_on", "healthcheck"),
    *("ports", "restart", "stop_grace_period", "volumes"),
}


def lines_of(path: Path, key: str) -> list[str]:
    return re.findall(rf"^{key}[=:]\s*(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)


def commands() -> list[list[str]]:
    """Every call of ``oneliner`` in those files, as its arguments."""
    found = [lines_of(DEPLOY / "Procfile", name)[0] for name in ("release", "web", "worker")]
    found += [line for unit in UNITS for key in ("ExecStart", "ExecStartPre") for line in lines_of(unit, key)]
    arguments = [shlex.split(line)[1:] for line in found]
    arguments += [COMPOSE["services"][name]["command"] for name in ("migrate", "server", "worker")]
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    arguments += [yaml.safe_load(listed) for listed in re.findall(r"^CMD (\[.*\])$", dockerfile, re.MULTILINE)]
    return arguments


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_every_command_and_option_exists(arguments: list[str]) -> None:
    name, *rest = arguments
    command = cli.commands.get_command(click.Context(cli.commands), name)
    assert command is not None
    # As for a real call, but for the value that a shell puts in.
    command.make_context(name, [word.replace("${PORT:-8000}", "8000") for word in rest])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_setting_exists(path: Path) -> None:
    named = set(re.findall(r"\bONELINER_\w+", path.read_text(encoding="utf-8")))
    assert named <= {setting.variable for setting in SETTINGS}


def test_the_image_is_made_as_the_linter_of_such_files_wants_it() -> None:
    linter = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([linter, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_copies_what_is_there_and_what_the_build_may_see() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    copied = {
        word for line in re.findall(r"^COPY (?!--from)(.*)$", dockerfile, re.MULTILINE) for word in line.split()[:-1]
    }
    shown = set(re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE))
    assert copied == shown
    assert all((ROOT / name).exists() for name in copied)
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(re.findall(r"--extra (\S+)", dockerfile)) <= set(project["optional-dependencies"])
    # What the build of the package reads besides its sources.
    assert {project["readme"], *project["license-files"]} <= copied


def test_the_compose_file_has_only_keys_and_services_that_there_are() -> None:
    assert set(COMPOSE) == {"name", "services", "volumes", "x-oneliner"}
    services: dict[str, dict[str, Any]] = COMPOSE["services"]
    for name, service in services.items():
        assert set(service) <= SERVICE_KEYS, name
        assert set(service.get("depends_on", ())) <= set(services), name
        for mounted in service.get("volumes", ()):
            assert mounted.split(":")[0] in COMPOSE["volumes"]
    assert (DEPLOY / services["server"]["build"]["context"]).resolve() == ROOT
    assert (ROOT / services["server"]["build"]["dockerfile"]).is_file()


def test_a_stop_leaves_more_time_than_runs_get() -> None:
    grace_seconds = float(next(setting.default for setting in SETTINGS if setting.name == "grace_seconds"))
    stops = [float(seconds) for unit in UNITS for seconds in lines_of(unit, "TimeoutStopSec")]
    stops.append(float(COMPOSE["x-oneliner"]["stop_grace_period"].removesuffix("s")))
    assert len(stops) == len(UNITS) + 1
    assert min(stops) >= grace_seconds + 10


def test_the_units_are_what_systemd_takes(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    copies: list[Path] = []
    for unit in UNITS:
        copy = tmp_path / unit.name.replace("@.", "@1.")
        text = unit.read_text(encoding="utf-8")
        # systemd wants the program to be there, and here it is elsewhere.
        copy.write_text(text.replace("/opt/oneliner/bin/oneliner", str(Path(sys.executable).parent / "oneliner")))
        copies.append(copy)
    done = subprocess.run(["systemd-analyze", "verify", *copies], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "oneliner" in line]
    assert not complaints, done.stderr
