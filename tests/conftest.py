"""What tests of several packages share: the databases they run over."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.support.databases import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("sqlite", "postgresql")

# How long one example takes says more about the machine than about the code.
settings.register_profile("oneliner", deadline=None)
settings.load_profile("oneliner")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database", choices=KINDS, default=None, help="run the tests of the engine over this database alone"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_kind" in metafunc.fixturenames:
        only = metafunc.config.getoption("--database")
        metafunc.parametrize("database_kind", [only] if only else KINDS)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server to make databases on; without one, a test that needs it is skipped, but never in CI."""
    server = PostgresServer()
    try:
        server.begin()
    except OSError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no PostgreSQL for tests: {error}")
    try:
        yield server
    finally:
        server.end()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A migrated PostgreSQL database of the test's own."""
    with postgres_server.fresh() as url:
        yield url
