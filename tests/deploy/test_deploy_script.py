"""``scripts/deploy``, rehearsed in a folder that stands in for a host: its scripts, the server, the smoke test, backups and
the way back are real; systemd, pip and the making of users are stand-ins. ``test_debian.py`` has real ones.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.redis import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
STAND_INS = Path(__file__).parent / "stand_ins"
UNCHANGED, USAGE = 1, 2
# Each deployment starts a dozen processes, one after the other.
pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Host:
    """A folder that stands in for ``/`` of a host."""

    root: Path
    port: int

    def deploy(self, *arguments: str, wheel: str = "") -> subprocess.CompletedProcess[str]:
        if wheel:
            path = self.root.parent / f"{wheel}.whl"
            path.write_text("a stand-in for a wheel")
            arguments = ("--wheel", str(path), *arguments)
        variables = {
            "PATH": f"{STAND_INS}:{os.environ['PATH']}",
            "HOME": str(self.root.parent),
            "ONELINER_DEPLOY_PREFIX": str(self.root),
            "REHEARSAL_PYTHON": sys.executable,
            "REHEARSAL_TOO_NEW": str(Path(__file__).parent / "too_new.py"),
        }
        url = f"http://127.0.0.1:{self.port}"
        command = [ROOT / "scripts" / "deploy", "--via", "env", "--url", url, *arguments]
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=300)

    @property
    def in_use(self) -> str:
        current = self.root / "opt/oneliner/current"
        return os.path.basename(os.readlink(current)) if current.is_symlink() else ""  # noqa: PTH115, PTH119 - a name

    @property
    def releases(self) -> set[str]:
        return {path.name for path in (self.root / "opt/oneliner/releases").iterdir()}

    def database(self, statement: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.root / "var/lib/oneliner/oneliner.db")) as connection:
            return connection.execute(statement).fetchall()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path / "root", free_port())
    (host.root / "etc/oneliner").mkdir(parents=True)
    (host.root / "etc/oneliner/environment").write_text(f"ONELINER_PORT={host.port}\n")
    yield host
    with suppress(OSError, ValueError):
        os.kill(int((host.root / "run.pid").read_text()), signal.SIGKILL)


def test_a_host_is_installed_upgraded_and_taken_back(host: Host) -> None:
    first = host.deploy(wheel="one")
    assert first.returncode == 0, first.stderr
    assert "delete         ok" in first.stdout
    one = host.in_use
    assert (host.root / "opt/oneliner/bin/oneliner").exists()

    second = host.deploy(wheel="two")
    assert second.returncode == 0, second.stderr
    two = host.in_use
    assert two != one
    assert host.releases == {one, two}
    # Taken with the release of before, while it ran.
    assert [path.name for path in (host.root / "var/lib/oneliner/backups").iterdir()] == [f"before-{two}.db"]

    back = host.deploy("--rollback")
    assert back.returncode == 0, back.stderr
    assert host.in_use == one
    # Every release has tried itself out.
    assert host.database("SELECT count(*) FROM agent_runs") == [(3,)]
    assert list((host.root / "opt/oneliner").glob("incoming-*")) == []


def test_a_release_that_does_not_work_is_taken_back(host: Host) -> None:
    assert host.deploy(wheel="one").returncode == 0
    one = host.in_use
    failed = host.deploy(wheel="broken")
    assert failed.returncode == UNCHANGED, failed.stderr
    assert f"{one} is in use again, and works" in failed.stderr
    assert (host.in_use, host.releases) == (one, {one})
    assert host.database("SELECT count(*) FROM agent_runs") == [(2,)]


def test_a_release_that_leaves_a_database_behind_that_the_old_one_cannot_use_is_taken_back_with_its_backup(
    host: Host,
) -> None:
    assert host.deploy(wheel="one").returncode == 0
    one = host.in_use
    (before,) = host.database("SELECT version_num FROM alembic_version")
    failed = host.deploy(wheel="newer-and-broken")
    assert failed.returncode == UNCHANGED, failed.stderr
    assert host.in_use == one
    assert host.database("SELECT version_num FROM alembic_version") == [before]
    (kept,) = (host.root / "var/lib/oneliner").glob("oneliner.db.replaced-*")
    assert kept.is_file()


def test_what_cannot_be_installed_changes_nothing(host: Host) -> None:
    assert host.deploy(wheel="one").returncode == 0
    one = host.in_use
    failed = host.deploy(wheel="uninstallable")
    assert failed.returncode == UNCHANGED
    assert "nothing was changed" in failed.stderr
    assert (host.in_use, host.releases) == (one, {one})
    assert (host.root / "calls").read_text().count("systemctl restart") == 1


def test_a_first_release_that_does_not_work_leaves_nothing_running(host: Host) -> None:
    failed = host.deploy(wheel="broken")
    assert failed.returncode == UNCHANGED, failed.stderr
    assert (host.in_use, host.releases) == ("", set())
    assert not (host.root / "run.pid").exists()
    assert host.deploy("--rollback").returncode == UNCHANGED


@pytest.mark.parametrize(
    "arguments", [[], ["a", "b"], ["--via", "env", "host"], ["--sideways", "host"], ["--wheel", "/none.whl", "host"]]
)
def test_wrong_usage_is_told(arguments: list[str]) -> None:
    done = subprocess.run([ROOT / "scripts" / "deploy", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == USAGE
    assert "scripts/deploy --rollback" in done.stderr
