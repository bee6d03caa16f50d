"""What the commands of the docs find on their PATH: the real programs, made fit for a test.

``oneliner`` runs the real command. One that lasts (``serve``, ``worker``, ``up``) has come to its end once it says that it is
ready: it is then stopped as an operator would, and must end well. What only its reader can know, the id of a run, say, is
replaced by one that exists. ``pip`` holds what is to be installed against the package's extras, ``python -m pytest`` collects
the tests that are named, and ``curl`` gives an endless stream some seconds.

Called as ``stand_in.py PROGRAM ARGUMENT…``; what exists is in the environment (see ``World`` in ``test_commands``).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from threading import Timer

ROOT = Path(__file__).resolve().parents[2]
WORLD = json.loads(os.environ["DOCS_WORLD"])
READY = {"serve": "Ctrl-C stops it.", "up": "Ctrl-C stops it.", "worker": "worker.ready", "celery": "ready."}
CURL_TIMED_OUT = 28
WAITS_FOR_A_PERSON = 4
WAIT_SECONDS = 120


def oneliner(words: list[str]) -> int:
    """The real command, about things that exist."""
    command = [sys.executable, "-m", "oneliner", *existing(words)]
    if words[0] == "restore":
        # Not over the database of the server that runs.
        command += ["--data-dir", tempfile.mkdtemp(dir=".")]
    if words[0] not in READY:
        ended = subprocess.run(command, check=False).returncode
        # At a terminal its reader would now be asked.
        return 0 if ended == WAITS_FOR_A_PERSON and "--plan" in words else ended
    variables = WORLD["distributed"] if words[0] in ("up", "worker") or "--workers" in words else {}
    # A second server on the folder of the first would be refused, as it should.
    with tempfile.TemporaryDirectory() as folder:
        return until_ready(command, READY[words[0]], {**variables, "ONELINER_DATA_DIR": f"{folder}/data"})


def start(words: list[str]) -> int:
    """``scripts/start``, where everything is installed."""
    return oneliner(["serve", *words])


def existing(words: list[str]) -> list[str]:
    """*words* with what exists in place of what only a reader can know, and without what would open a browser."""
    ids = WORLD["ids"]
    given = {"--session": ids["session"], "--port": "0", "--host": "127.0.0.1"}
    id_ = ids.get(words[0], ids["run"])
    return [
        given.get(before, id_ if word in ("0198…", "RUN_ID", "SESSION_ID") else word)
        for before, word in zip(["", *words], words, strict=False)
        if word != "--open"
    ]


def until_ready(command: list[str], ready: str, variables: dict[str, str]) -> int:
    """Start *command*, stop it when it says *ready*, and tell how it ended."""
    with subprocess.Popen(
        command, env={**os.environ, **variables}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        overdue = Timer(WAIT_SECONDS, process.kill)
        overdue.start()
        assert process.stdout is not None
        for line in process.stdout:
            sys.stderr.write(line)
            if ready in line:
                process.terminate()
        overdue.cancel()
        return process.wait()


def celery(words: list[str]) -> int:
    """Celery's own program; what asks workers, or needs a package of its own, is held only against its name."""
    if "worker" not in words:
        return 0 if words[2] in ("inspect", "flower") else 2
    return until_ready([sys.executable, "-m", "celery", *words, "-l", "INFO"], READY["celery"], WORLD["distributed"])


def pip(words: list[str]) -> int:
    """Whether what is to be installed is this package, with extras that it has."""
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = re.fullmatch(r"oneliner(?:\[([\w,-]+)\])?", words[-1])
    return 0 if words[0] == "install" and named and set((named[1] or "all").split(",")) <= set(known) else 2


def curl(words: list[str]) -> int:
    """A request that must be answered well."""
    done = subprocess.run([WORLD["curl"], "--fail-with-body", "--max-time", "3", *words], check=False)
    endless = "-N" in words or "-sSN" in words
    return 0 if endless and done.returncode == CURL_TIMED_OUT else done.returncode


def jq(words: list[str]) -> int:
    """The real one, where there is one: nobody needs it for OneLiner."""
    return subprocess.run([WORLD["jq"] or "cat", *(words if WORLD["jq"] else [])], check=False).returncode


def python(words: list[str]) -> int:
    """The tests that are named exist; running them is for whoever reads about them."""
    assert words[:2] == ["-m", "pytest"], words
    command = [sys.executable, *words, "--collect-only", "-q", "-p", "no:cacheprovider"]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode


PROGRAMS = {f.__name__: f for f in (oneliner, start, celery, pip, curl, jq, python)}

if __name__ == "__main__":
    sys.exit(PROGRAMS[sys.argv[1]](sys.argv[2:]))
