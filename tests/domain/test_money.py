"""Tokens and money are exact: held against decimal arithmetic."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneliner.domain.usage import Price, Totals, Usage, added, cost_nanos, estimate_tokens, usd

tokens = st.integers(0, 10**8)
picos = st.integers(0, 10**9)


@given(tokens, tokens, tokens, picos, picos, picos)
def test_a_cost_is_exact_to_the_nano_dollar(
    fresh: int, cached: int, output: int, input_price: int, cached_price: int, output_price: int
) -> None:
    price = Price(input_picos=input_price, output_picos=output_price, cached_picos=cached_price, source="test")
    exact = fresh * Decimal(input_price) + cached * Decimal(cached_price) + output * Decimal(output_price)
    expected = (exact / 1000).quantize(Decimal(1), ROUND_HALF_UP)
    assert cost_nanos(Usage(fresh + cached, output, cached), price) == expected


def test_an_unknown_price_gives_no_cost() -> None:
    assert cost_nanos(Usage(10, 10), None) is None
    assert cost_nanos(Usage(10, 10), Price(0, 0, 0, "free")) == 0


@given(st.integers(-(10**18), 10**18))
def test_dollars_are_written_exactly(nanos: int) -> None:
    text = usd(nanos)
    assert Decimal(text) == Decimal(nanos) / 10**9
    assert 6 <= len(text.partition(".")[2]) <= 9


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "0.000000"),
        (1, "0.000000001"),
        (123_000, "0.000123"),
        (1_500_000_000, "1.500000"),
        (-1, "-0.000000001"),
        (12_345_678_901_234_567_890, "12345678901.23456789"),
    ],
)
def test_dollars_have_at_least_six_decimals(nanos: int, text: str) -> None:
    assert usd(nanos) == text


def test_a_sum_without_any_known_price_has_no_cost() -> None:
    assert Totals(unpriced_count=2).cost is None
    assert Totals().cost == "0.000000"
    assert Totals(cost_nanos=5, unpriced_count=2).cost == "0.000000005"
    assert Totals(input_tokens=3, output_tokens=4, cached_tokens=2).tokens == 7


@given(st.text())
def test_an_estimate_is_between_one_token_for_four_characters_and_one_for_each(text: str) -> None:
    assert (len(text) + 3) // 4 <= estimate_tokens(text) <= len(text)
    assert estimate_tokens("word" * 10) == 10
    assert estimate_tokens("审查合同") == 4


def test_sums_are_added_field_by_field() -> None:
    assert added([]) == Totals()
    assert added([Totals(1, 2, 3, 4, 5, 6), Totals(10, 20, 30, 40, 50, 60)]) == Totals(11, 22, 33, 44, 55, 66)
