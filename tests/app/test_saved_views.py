"""Saved views over both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.databases import open_database
from tests.support.engine import new_database

from oneliner.app import saved_views
from oneliner.domain.errors import NotFound
from oneliner.domain.user import Caller

if TYPE_CHECKING:
    from pathlib import Path

    from oneliner.app.ports import Transaction

ANN = Caller("ann")


def kept(tx: Transaction) -> list[tuple[str, str]]:
    return [(view.name, view.query) for view in saved_views.of_caller(tx, ANN)]


async def test_a_view_is_put_in_place_of_what_had_its_name_and_removed_by_its_owner_alone(path: Path) -> None:
    new_database(path)
    database = open_database(path, lambda _: None)
    try:
        for name, query in (("一", "q=1"), ("Two", "q=2"), ("一", "q=3")):
            await database.write(lambda tx, name=name, query=query: saved_views.put(tx, ANN, name, query))
        assert sorted(await database.read(kept)) == [("Two", "q=2"), ("一", "q=3")]
        await database.write(lambda tx: saved_views.remove(tx, ANN, "Two"))
        with pytest.raises(NotFound):
            await database.write(lambda tx: saved_views.remove(tx, Caller("bob"), "一"))
        assert await database.read(kept) == [("一", "q=3")]
    finally:
        await database.close()
