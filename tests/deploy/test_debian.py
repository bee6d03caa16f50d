"""``scripts/deploy`` on a real Debian with a real systemd: made by debootstrap, booted by systemd-nspawn, thrown away.

Needs root, debootstrap, systemd-nspawn and a mirror. ``ONELINER_TEST_DEBIAN`` names a root folder that is there already.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.redis import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
MIRROR = "http://deb.debian.org/debian"
NEEDED = ("debootstrap", "systemd-nspawn", "nsenter", "uv")
MODULE = "oneliner/web/static/oneliner/sse.js"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800)]


@dataclass(frozen=True)
class Debian:
    """A booted Debian. It shares the network of this machine."""

    root: Path
    pid: str
    port: int
    wheels: Path

    @property
    def shell(self) -> list[str]:
        return ["nsenter", "-t", self.pid, "-a", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self.shell, *command], capture_output=True, text=True, check=False, timeout=60)

    def deploy(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        url = f"http://127.0.0.1:{self.port}"
        command = [ROOT / "scripts/deploy", "--via", " ".join(self.shell), "--url", url, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)

    @property
    def in_use(self) -> str:
        return os.readlink(self.root / "opt/oneliner/current")  # noqa: PTH115 - a name


def until_booted(debian: Debian) -> None:
    deadline = time.monotonic() + 120
    while debian.run("systemctl", "is-system-running").stdout.strip() not in {"running", "degraded"}:
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a Debian that nothing was done with yet."""
    if os.geteuid() or any(shutil.which(tool) is None for tool in NEEDED):
        pytest.skip(f"needs root and {', '.join(NEEDED)}")
    given = os.environ.get("ONELINER_TEST_DEBIAN")
    folder = Path(given) if given else tmp_path_factory.mktemp("debian") / "root"
    if not given:
        command = ["debootstrap", "--variant=minbase", "--include=systemd,ca-certificates", "bookworm", folder, MIRROR]
        subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the release needs, so that the host needs no package index."""
    folder = tmp_path_factory.mktemp("wheels")
    export = [
        "uv",
        "export",
        "--locked",
        "--no-dev",
        "--no-emit-project",
        "--quiet",
        "--output-file",
        folder / "all.txt",
    ]
    subprocess.run(export, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    download = ["uvx", "--python", sys.executable, "pip", "download", "-q", "-r", folder / "all.txt", "-d", folder]
    subprocess.run(download, check=True, capture_output=True)
    return folder


@pytest.fixture
def debian(folder: Path, wheels: Path, tmp_path: Path) -> Iterator[Debian]:
    port = free_port()
    root = tmp_path / "root"
    subprocess.run(["cp", "-a", "--reflink=auto", folder, root], check=True)
    (root / "etc/oneliner").mkdir(parents=True, exist_ok=True)
    (root / "etc/oneliner/environment").write_text(f"ONELINER_PORT={port}\n")
    command = [
        "systemd-nspawn",
        "--quiet",
        "--register=no",
        "--keep-unit",
        "--link-journal=no",
        "--console=pipe",
        "-b",
        "-D",
    ]
    with subprocess.Popen(
        [*command, root], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
    ) as container:
        try:
            children = Path(f"/proc/{container.pid}/task/{container.pid}/children")
            while not (pid := children.read_text().strip()):
                time.sleep(0.05)
            booted = Debian(root, pid.split()[0], port, wheels)
            until_booted(booted)
            yield booted
            booted.run("systemctl", "poweroff")
            container.wait(60)
        finally:
            container.kill()


def broken_wheel(good: Path, folder: Path) -> Path:
    """The same release without one module of its page."""
    broken = folder / good.name
    unpacked = folder / "unpacked"
    shutil.unpack_archive(good, unpacked, "zip")
    (unpacked / MODULE).unlink()
    (record,) = unpacked.glob("*.dist-info/RECORD")
    lines = [line for line in record.read_text().splitlines() if not line.startswith(MODULE)]
    record.write_text("\n".join(lines) + "\n")
    shutil.make_archive(str(folder / "packed"), "zip", unpacked)
    (folder / "packed.zip").rename(broken)
    return broken


def test_a_plain_debian_is_installed_upgraded_and_taken_back(debian: Debian, tmp_path: Path) -> None:
    built = tmp_path / "built"
    subprocess.run(["uv", "build", "--quiet", "--wheel", "--out-dir", built, ROOT], check=True)
    (wheel,) = built.glob("*.whl")
    with_wheels = ("--wheels", str(debian.wheels))
    began = time.monotonic()
    first = debian.deploy(*with_wheels)
    assert first.returncode == 0, first.stderr
    one, installed = debian.in_use, time.monotonic() - began
    assert debian.run("systemctl", "is-active", "oneliner").stdout.strip() == "active"
    assert debian.run("stat", "-c", "%U %a", "/var/lib/oneliner", "/etc/oneliner/environment").stdout.split() == [
        "oneliner", "700", "root", "644",
    ]  # fmt: skip

    second = debian.deploy("--wheel", str(wheel), *with_wheels)
    assert second.returncode == 0, second.stderr
    two, upgraded = debian.in_use, time.monotonic() - began
    assert two != one

    failed = debian.deploy("--wheel", str(broken_wheel(wheel, tmp_path)), *with_wheels)
    assert failed.returncode == 1, failed.stderr
    assert "sse.js is answered with status 404" in failed.stdout
    assert debian.in_use == two

    back = debian.deploy("--rollback")
    assert back.returncode == 0, back.stderr
    assert debian.in_use == one
    sys.stdout.write(
        f"installed in {installed:.0f} s, upgraded by {upgraded:.0f} s, all in {time.monotonic() - began:.0f} s\n"
    )
