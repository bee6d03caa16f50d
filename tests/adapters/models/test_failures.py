from __future__ import annotations

from datetime import UTC, datetime

import pytest

from oneliner.adapters.models.failures import explanation, of_error, retry_after_seconds
from oneliner.adapters.models.redaction import Redactor

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "Sat, 21 Nov 2026 12:01:00 GMT"}, 60.0),
        ({"retry-after": "Sat, 21 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "1e999"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "99999999"}, 86_400.0),
        ({}, None),
    ],
)
def test_what_retry_after_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("error", "kind", "retryable"),
    [
        ({"code": 429, "message": "m"}, "rate_limited", True),
        ({"code": "503", "message": "m"}, "unavailable", True),
        ({"code": "rate_limit_exceeded"}, "rate_limited", True),
        ({"type": "authentication_error"}, "unauthorized", False),
        ({"code": "context_length_exceeded"}, "rejected", False),
        ({"type": "server_error"}, "unavailable", True),
        ({"code": "insufficient_quota"}, "rejected", False),
        ("it broke", "unavailable", True),
        (None, "unavailable", True),
    ],
)
def test_an_error_object_is_told_by_its_code(error: object, kind: str, *, retryable: bool) -> None:
    failure = of_error(error)
    assert (failure.kind, failure.retryable) == (kind, retryable)


@pytest.mark.parametrize(
    "body",
    [{"error": {"message": "why"}}, {"error": "why"}, {"message": "why"}, {"detail": "why"},
     [{"error": {"message": "why"}}], {"detail": [{"message": "why"}]}],
)  # fmt: skip
def test_every_shape_of_error_body_is_read(body: object) -> None:
    assert explanation(body) == "why"


@pytest.mark.parametrize(
    "said",
    ["incorrect key sk-ab***yz.", "Bearer abc.def.ghi", "key AIzaSyD-1234567", "gsk_abcdefgh", "my***********end",
     "provider-key-one", "starts provider-k… and more", "…-key-one is its end", "provider-kEXTRA"],
)  # fmt: skip
def test_keys_and_their_pieces_are_removed(said: str) -> None:
    redacted = Redactor({"provider-key-one"})(said)
    assert "[redacted]" in redacted
    for piece in ("sk-ab", "yz", "abc.def", "AIza", "abcdefgh", "my*", "provider-k", "key-one"):
        assert piece not in redacted


def test_ordinary_words_stay() -> None:
    words = "the task-list of risk-assessment model gpt-5 answered 'no such model' for you"
    assert Redactor({"EMPTY", "x"})(words) == words


def test_a_long_text_is_cut_and_takes_no_long_time() -> None:
    assert len(Redactor({"provider-key-one"})("a" * 1_000_000)) == 500
