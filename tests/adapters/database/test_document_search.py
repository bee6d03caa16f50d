"""Finding documents by their words, in Chinese as in English, the same on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.databases import open_database, stand_in
from tests.support.engine import ALICE, new_database

from oneliner.app import documents
from oneliner.domain.document import MAX_CONTENT_CHARS
from oneliner.domain.user import UserStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from oneliner.app.ports import Database

TEXTS = {
    "strategy/2026.md": "# 增长战略\n\n我们在华东地区扩大重点客户的覆盖，预算为三百万元。",
    "strategy/old.md": "# 旧文档\n\n华北市场的渠道政策，已经过时。",
    "notes/meeting.md": "# Weekly meeting\n\nThe key accounts in Shanghai want a pilot by October.",
    "notes/mixed.md": "Q3 上海 pilot 进展：GMV 增长 12%，ＡＢ测试通过。",
    "日本/東京.md": "東京オフィスの計画と、서울 사무소 계획.",
}


@pytest.fixture
def path(tmp_path: Path, database_kind: str, request: pytest.FixtureRequest) -> Iterator[Path]:
    path = tmp_path / "oneliner.db"
    if database_kind == "sqlite":
        yield new_database(path)
    else:
        with stand_in(path, request.getfixturevalue("postgres_url")):
            yield path


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    database = open_database(path, lambda _: None)
    await database.write(lambda tx: tx.users.admit(ALICE, UserStatus.APPROVED))
    yield database
    await database.close()


async def put(database: Database, name: str, text: str) -> None:
    await database.write(lambda tx: documents.write(tx, "alice", "p", name, text, None, "alice"))


async def found(database: Database, query: str) -> list[str]:
    return [h.document.path for h in await database.read(lambda tx: documents.search(tx, "alice", "p", query))]


@pytest.mark.parametrize(
    ("query", "paths"),
    [
        ("战略", ["strategy/2026.md"]),
        ("重点客户", ["strategy/2026.md"]),
        ("客户 预算", ["strategy/2026.md"]),
        ("华", ["strategy/2026.md", "strategy/old.md"]),
        ("元", ["strategy/2026.md"]),
        ("户覆", []),
        ("增长", ["notes/mixed.md", "strategy/2026.md"]),
        ("上海 pilot", ["notes/mixed.md"]),
        ("shang", ["notes/meeting.md"]),
        ("KEY accounts", ["notes/meeting.md"]),
        ("accounts october", ["notes/meeting.md"]),
        ("ccounts", []),
        ("ab测试", ["notes/mixed.md"]),
        ("strategy", ["strategy/2026.md", "strategy/old.md"]),
        ("2026", ["strategy/2026.md"]),
        ("計画", ["日本/東京.md"]),
        ("계획", ["日本/東京.md"]),
        ("12%", ["notes/mixed.md"]),
        ("没有这个", []),
    ],
)
async def test_documents_are_found_by_all_of_their_words(database: Database, query: str, paths: list[str]) -> None:
    for name, text in TEXTS.items():
        await put(database, name, text)
    assert sorted(await found(database, query)) == sorted(paths)


async def test_only_the_newest_version_is_found(database: Database) -> None:
    await put(database, "a.md", "the first draft 初稿")
    await put(database, "a.md", "the second one 终稿")
    assert [await found(database, q) for q in ("draft", "初稿", "second", "终稿")] == [[], [], ["a.md"], ["a.md"]]


async def test_what_holds_the_words_side_by_side_comes_before_what_was_written_later(database: Database) -> None:
    await put(database, "together.md", "the key accounts")
    await put(database, "apart.md", "accounts have a key")
    assert await found(database, "key accounts") == ["together.md", "apart.md"]


async def test_the_largest_document_there_may_be_is_found_by_its_words(database: Database) -> None:
    words = "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(MAX_CONTENT_CHARS - 20))
    await put(database, "large.md", f"beginning {words}")
    assert await found(database, words[100:104]) == ["large.md"]
    await put(database, "large.md", f"beginning {'x ' * 1000}")
    assert await found(database, words[100:104]) == []


async def test_an_excerpt_shows_the_place(database: Database) -> None:
    await put(database, "a.md", "一" * 300 + "重点客户" + "二" * 300)
    (hit,) = await database.read(lambda tx: documents.search(tx, "alice", "p", "重点客户"))
    assert "重点客户" in hit.excerpt
    assert hit.excerpt[0] == hit.excerpt[-1] == "…"
