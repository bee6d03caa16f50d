"""Text that every database keeps, titles, and ids that sort."""

from __future__ import annotations

from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneliner.adapters.database.transaction import Ids
from oneliner.domain.errors import Invalid
from oneliner.domain.ids import uuid7
from oneliner.domain.session import MAX_TITLE_CHARS, title_from
from oneliner.domain.text import MAX_DEPTH, MAX_INTEGER, clean, clean_json, is_clean

any_text = st.text(st.characters(codec=None, exclude_categories=()))


@given(any_text)
def test_clean_text_is_what_every_database_keeps(text: str) -> None:
    cleaned = clean(text)
    assert is_clean(cleaned)
    assert "\x00" not in cleaned
    assert cleaned.encode().decode() == cleaned
    assert clean(cleaned) == cleaned
    if is_clean(text):
        assert cleaned == text


def test_what_cannot_be_kept_is_removed_or_replaced() -> None:
    assert clean("a\x00b\ud800c\udfff") == "ab\ufffdc\ufffd"
    assert clean_json({"k\x00": ["\ud800", 1, None, True, 1.5]}) == {"k": ["\ufffd", 1, None, True, 1.5]}


def nested(depth: int) -> object:
    value: object = 0
    for _ in range(depth):
        value = [value]
    return value


def test_json_is_bounded_in_depth_and_size_of_numbers() -> None:
    assert clean_json(nested(MAX_DEPTH)) == nested(MAX_DEPTH)
    assert clean_json([MAX_INTEGER, -MAX_INTEGER]) == [MAX_INTEGER, -MAX_INTEGER]
    for value in (nested(MAX_DEPTH + 1), MAX_INTEGER + 1, {"a": [-MAX_INTEGER - 1]}):
        with pytest.raises(Invalid):
            clean_json(value)


@given(any_text)
def test_a_title_is_one_short_line(text: str) -> None:
    title = title_from(text)
    assert len(title) <= MAX_TITLE_CHARS
    assert len(title.splitlines()) <= 1
    assert bool(title) == bool(text.strip()) or not any(part.strip() for part in text.splitlines())


def test_a_title_is_the_first_line_cut_at_a_word() -> None:
    assert title_from("\n  Hello there \nsecond") == "Hello there"
    long = title_from("word " * 40)
    assert long.endswith("word…")
    assert len(title_from("x" * 200)) == MAX_TITLE_CHARS


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_an_id_is_a_uuid_of_version_7_with_its_time(now_ms: int, random: bytes) -> None:
    uuid = UUID(uuid7(now_ms, random))
    assert (uuid.version, uuid.variant, uuid.int >> 80) == (7, RFC_4122, now_ms)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 5_000)), max_size=3))
def test_ids_of_a_process_sort_as_they_were_made(times: list[tuple[int, int]]) -> None:
    """Whatever the clock does: it may stand still for thousands of ids, and go back."""
    ids = Ids()
    made = [ids.new(1_800_000_000_000 + now) for now, count in times for _ in range(count)]
    assert made == sorted(set(made))
