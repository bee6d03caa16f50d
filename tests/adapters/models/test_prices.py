from __future__ import annotations

import pytest

from oneliner.adapters.models.prices import DEMO_MODEL, Prices
from oneliner.domain.errors import Invalid
from oneliner.domain.usage import Price, Usage, cost_nanos


@pytest.mark.parametrize(
    "name",
    ["openai/gpt-5-mini", "anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-pro", "deepseek/deepseek-chat",
     "groq/llama-3.1-8b-instant", "mistral/mistral-large-latest", "openrouter/openai/gpt-5-mini", "OpenAI/GPT-5-mini"],
)  # fmt: skip
def test_the_common_models_have_a_price_with_its_source(name: str) -> None:
    price = Prices().find(name)
    assert price is not None
    assert 0 < price.cached_picos <= price.input_picos < price.output_picos
    assert price.source.startswith("litellm ")


def test_the_table_says_what_the_provider_charges() -> None:
    price = Prices().find("openai/gpt-5-mini")
    assert price is not None
    assert (price.input_picos, price.cached_picos, price.output_picos) == (250_000, 25_000, 2_000_000)


@pytest.mark.parametrize(
    "name", ["", "openai/never-heard-of", "gpt-5-mini\t", "openai/gpt-5", "ollama/llama3\n", "# l"]
)
def test_unknown_is_none_and_never_zero(name: str) -> None:
    price = Prices().find(name)
    assert price is None or (name == "openai/gpt-5" and price.input_picos > 0)


def test_a_deployments_own_price_comes_first_and_is_exact() -> None:
    prices = Prices({"openai/gpt-5-mini": {"input": "0.25", "cached": "0.025", "output": "2.000001"}})
    assert prices.find("openai/gpt-5-mini") == Price(250_000, 2_000_001, 25_000, "override")
    assert Prices({"a/b": {"input": "1", "output": "2"}}).find("a/b") == Price(
        1_000_000, 2_000_000, 1_000_000, "override"
    )


@pytest.mark.parametrize(
    "fields",
    [{}, {"input": "1"}, {"input": "x", "output": "1"}, {"input": "-1", "output": "1"}, {"input": "NaN", "output": "1"},
     {"input": "Infinity", "output": "1"}, {"input": "0.0000001", "output": "1"},
     {"input": "1", "output": "1", "ouptut": "2"}],
)  # fmt: skip
def test_a_price_that_is_none_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="a/b"):
        Prices({"a/b": fields})


def test_the_demo_costs_something_to_look_at() -> None:
    price = Prices().find(DEMO_MODEL)
    assert price is not None
    assert price.source == "demo"
    assert cost_nanos(Usage(1_000_000, 1_000_000), price) == 750_000_000
