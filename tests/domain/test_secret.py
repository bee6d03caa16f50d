"""What counts as a secret of a process, and how it is taken out of a text."""

from __future__ import annotations

import json

import pytest

from oneliner.domain.secret import hider, in_address, in_environment


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("OPENAI_API_KEY", "sk-0123456789", {"sk-0123456789"}),
        ("github_token", "ghp_0123456789", {"ghp_0123456789"}),
        ("PGPASSWORD", "hunter2hunter2", set()),
        ("DB_PASSWORD", "hunter2hunter2", {"hunter2hunter2"}),
        ("OLLAMA_API_KEY", "none", set()),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "x-api-key=0123456789,a=b,auth=Bearer%20abcdefgh",
            {"0123456789", "Bearer abcdefgh"},
        ),
        ("SOME_DSN", "postgres://me:pass%20word%21@db/x", {"pass%20word%21", "pass word!"}),
        ("HOMEPAGE", "https://example.com/", set()),
        ("HOME", "/home/me", set()),
    ],
)
def test_a_variable_holds_secrets_by_its_name_or_its_form(name: str, value: str, found: set[str]) -> None:
    assert in_environment({name: value}) == found


def test_an_address_without_a_password_or_that_is_none_holds_no_secret() -> None:
    assert in_address("https://example.com/") == frozenset()
    assert in_address("http://[broken") == frozenset()


def test_a_secret_is_taken_out_whole_also_where_another_begins_alike_and_in_json() -> None:
    odd = 'with "quotes" \\ and ä'
    clean = hider(["short-secret", "short-secret-and-more", odd])
    assert clean("a short-secret-and-more b short-secret c") == "a [redacted] b [redacted] c"
    for ascii_only in (True, False):
        assert json.loads(clean(json.dumps({"said": f"x {odd} y"}, ensure_ascii=ascii_only))) == {
            "said": "x [redacted] y"
        }


def test_without_secrets_a_text_stays_as_it_is() -> None:
    assert hider(["", ""])("as it is") == "as it is"
