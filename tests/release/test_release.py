"""What is released: the wheel and the source distribution hold all they need, and the wheel works by itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from tests.cli.command_kit import environment

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
PRIVATE_UV = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "oneliner/uv/bin/uv"
UV = shutil.which("uv") or str(PRIVATE_UV)


def tracked(folder: str) -> set[str]:
    """The files below *folder* that belong to the project."""
    listed = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {line.removeprefix("src/") for line in listed.splitlines()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not Path(UV).exists():
        pytest.skip("no uv")
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([UV, "build", "--quiet", "--out-dir", folder, ROOT], check=True)
    return folder


def test_the_wheel_holds_every_file_of_the_package_and_the_notices(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    assert tracked("src/oneliner") <= held
    assert not [name for name in held if name.startswith("tests")]
    assert {name.rpartition("/")[2] for name in held if "/licenses/" in name} == {"LICENSE", "NOTICE"}


def test_the_source_distribution_holds_what_a_build_and_its_tests_need(built: Path) -> None:
    (source,) = built.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"src/{name}" for name in tracked("src/oneliner")} <= held
    assert {"pyproject.toml", "README.md", "LICENSE", "NOTICE", "CHANGELOG.md", "uv.lock", "scripts/test"} <= held


def test_the_unpacked_wheel_serves_every_page_and_runs(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "unpacked")  # noqa: S202 - what was just built
    variables = environment(tmp_path / "data", PYTHONPATH=str(tmp_path / "unpacked"))
    where = [sys.executable, "-P", "-c", "import oneliner; print(oneliner.__file__)"]
    found = subprocess.run(where, env=variables, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert found.startswith(str(tmp_path / "unpacked"))
    script = (
        "import sys; from oneliner.terminal.own_server import own_server; from oneliner.settings import Settings;"
        " from oneliner.cli import main; import os;"
        " server = own_server(Settings.load(os.environ)); url = server.__enter__();"
        " sys.argv = ['oneliner', 'smoke', url];\n"
        "try: main()\nfinally: server.__exit__(None, None, None)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], env=variables, capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pages          ok" in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_release_is_built_and_tried_out_in_a_clean_environment(tmp_path: Path) -> None:
    copy = tmp_path / "checkout"
    subprocess.run(["git", "clone", "-q", ROOT, copy], check=True)
    done = subprocess.run([copy / "scripts/release"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "session, messages and run are gone" in done.stdout
    (bill,) = (copy / "dist").glob("*.cdx.json")
    named = {component["name"] for component in json.loads(bill.read_text())["components"]}
    assert {"fastapi", "sqlalchemy", "asyncpg", "celery", "litellm"} <= named
    checked = subprocess.run(
        ["sha256sum", "--check", "SHA256SUMS"], cwd=copy / "dist", capture_output=True, check=False
    )
    assert checked.returncode == 0
    wrong = subprocess.run([copy / "scripts/release", "v9.9.9"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 1
    assert "the tag is v9.9.9" in wrong.stderr


@pytest.mark.parametrize("path", sorted((ROOT / ".github/workflows").iterdir()), ids=lambda path: path.name)
def test_a_workflow_runs_the_scripts_that_people_run(path: Path) -> None:
    jobs = yaml.safe_load(path.read_text("utf-8"))["jobs"]
    ran = [step["run"].split()[0] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert ran
    for command in ran:
        assert command == "gh" or os.access(ROOT / command, os.X_OK), command
