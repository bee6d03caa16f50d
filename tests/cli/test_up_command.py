"""``oneliner up --distributed``: finding the services, or saying what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.redis import PrivateRedis, free_port, has_redis_server

from oneliner.domain.errors import Invalid
from oneliner.settings import Settings
from oneliner.terminal.surroundings import found_services

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Call


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[PrivateRedis]:
    if not has_redis_server():
        pytest.skip("no redis-server for tests")
    server = PrivateRedis(tmp_path)
    server.start()
    yield server
    server.kill()


def test_without_the_word_it_says_which_command_is_meant(call: Call, data_dir: Path) -> None:
    refused = call("up", data_dir=data_dir)
    assert refused.code == 2
    assert "oneliner serve" in refused.err


def test_what_is_missing_is_told_all_at_once_with_the_ways_to_get_it(call: Call, data_dir: Path) -> None:
    refused = call(
        *("up", "--distributed", "--port", "0"),
        data_dir=data_dir,
        PGPORT=str(free_port()),
        ONELINER_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0",
    )
    assert refused.code == 2
    assert "PostgreSQL: none lets us in" in refused.err
    assert "Redis: none answers" in refused.err
    assert refused.err.count("docker run") == 2
    assert "Traceback" not in refused.err
    assert not data_dir.exists()


async def test_addresses_that_were_given_are_used_as_they_are(
    tmp_path: Path, postgres_url: str, redis: PrivateRedis
) -> None:
    given = Settings.load({}, data_dir=tmp_path, database_url=postgres_url, redis_url=redis.url)
    found = await found_services(given, {})
    assert (found.database_url, found.redis_url, found.broker_url) == (postgres_url, redis.url, redis.url)


async def test_a_server_that_lets_nobody_in_is_named_with_what_was_tried(tmp_path: Path, redis: PrivateRedis) -> None:
    given = Settings.load({}, data_dir=tmp_path, redis_url=redis.url)
    with pytest.raises(Invalid) as refused:
        await found_services(given, {"PGHOST": "127.0.0.1", "PGPORT": str(redis.port), "PGUSER": "ada"})
    assert "as ada:" in refused.value.message
    assert "Redis: none" not in refused.value.message
