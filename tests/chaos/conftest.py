"""What a campaign is given: its seed and its size, and figures to print."""

from __future__ import annotations

import os
import random
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.private_postgres import programs
from tests.support.redis import has_redis_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def seed() -> int:
    """What all dice of the test are made of; a failure shows it, and ``ONELINER_TEST_SEED`` repeats it."""
    seed = int(os.environ.get("ONELINER_TEST_SEED") or random.SystemRandom().randrange(1_000_000))
    sys.stdout.write(f"ONELINER_TEST_SEED={seed}\n")
    return seed


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[str], None]]:
    """Tells figures, also of a test that passes."""
    lines: list[str] = []
    yield lines.append
    with capsys.disabled():
        sys.stdout.write("".join(f"\n  {line}" for line in lines))


@pytest.fixture
def own_servers() -> None:
    """The programs of PostgreSQL and Redis are there; skipped without them, but never in CI."""
    if programs() is None or not has_redis_server():
        assert not os.environ.get("CI"), "the chaos tests need initdb and redis-server"
        pytest.skip("no initdb or no redis-server")
