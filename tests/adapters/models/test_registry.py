from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from wire_kit import DONE, KEY, finish, question, text

from oneliner.adapters.models.litellm_client import LiteLLMClient
from oneliner.adapters.models.openai_wire import OpenAIWire
from oneliner.adapters.models.registry import ConfiguredModels
from oneliner.app.model import Question, Turn
from oneliner.domain.errors import Invalid, ModelFailure
from oneliner.domain.usage import Price
from oneliner.testing import model_permit

if TYPE_CHECKING:
    from wire_kit import Wire


def models(environment: dict[str, str] | None = None, **configured: Any) -> ConfiguredModels:
    return ConfiguredModels(environment=environment or {}, **configured)


async def ask(configured: ConfiguredModels, name: str) -> str:
    try:
        answer = await configured.find(name).answer(Question(model_permit(name), [Turn("user", "hi")]), lambda _: None)
        return answer.text
    finally:
        await configured.close()


async def test_with_nothing_configured_the_demo_answers(wire: Wire) -> None:
    wire.stream(text("demo says hi"), finish(), DONE)
    configured = models(demo_base_url=wire.base_url)
    assert (configured.default, configured.is_demo) == ("demo/oneliner", True)
    assert configured.price("demo/oneliner") == Price(150_000, 600_000, 75_000, "demo")
    assert await ask(configured, "demo/oneliner") == "demo says hi"


async def test_an_address_of_the_deployment_is_asked_for_its_default_model(wire: Wire) -> None:
    wire.stream(text("hi"), finish(), DONE)
    configured = models({"OPENAI_API_KEY": "sk-not-for-this-one"}, default="qwen", base_url=wire.base_url, api_key=KEY)
    assert configured.default == "openai/qwen"
    assert not configured.is_demo
    assert await ask(configured, configured.default) == "hi"
    assert wire.asked[0]["model"] == "qwen"
    assert wire.headers[0]["authorization"] == f"Bearer {KEY}"


async def test_another_providers_name_goes_whole_to_the_deployments_address(wire: Wire) -> None:
    wire.stream(text("hi"), finish(), DONE)
    configured = models(default="anthropic/claude-x", base_url=wire.base_url)
    assert await ask(configured, "anthropic/claude-x") == "hi"
    assert wire.asked[0]["model"] == "anthropic/claude-x"
    assert "authorization" not in wire.headers[0]


async def test_a_providers_own_variables_are_used(wire: Wire) -> None:
    wire.stream(text("hi"), finish(), DONE)
    configured = models({"GROQ_API_KEY": "gsk_1234567890", "GROQ_API_BASE": wire.base_url}, default="groq/llama")
    assert await ask(configured, "groq/llama") == "hi"
    assert wire.asked[0]["model"] == "llama"
    assert wire.headers[0]["authorization"] == "Bearer gsk_1234567890"


async def test_ollama_needs_no_key_and_no_path(wire: Wire) -> None:
    wire.stream(text("hi"), finish(), DONE)
    configured = models({"OLLAMA_API_BASE": wire.base_url.removesuffix("/v1")})
    assert await ask(configured, "ollama/qwen3:4b") == "hi"
    assert wire.asked[0]["model"] == "qwen3:4b"


async def test_the_deployments_key_goes_to_no_other_provider(wire: Wire) -> None:
    wire.stream(text("hi"), finish(), DONE)
    configured = models({"OLLAMA_API_BASE": wire.base_url}, default="openai/gpt-5-mini", api_key=KEY)
    await ask(configured, "ollama/qwen")
    assert "authorization" not in wire.headers[0]


@pytest.mark.parametrize(
    ("name", "variable"),
    [("openai/gpt-5", "OPENAI_API_KEY"), ("groq/x", "GROQ_API_KEY"), ("openrouter/a/b", "OPENROUTER_API_KEY"),
     ("anthropic/claude", "ANTHROPIC_API_KEY"), ("gemini/g", "GEMINI_API_KEY"), ("mistral/m", "MISTRAL_API_KEY")],
)  # fmt: skip
def test_a_missing_key_is_named(name: str, variable: str) -> None:
    with pytest.raises(ModelFailure, match=variable) as caught:
        models().find(name)
    assert (caught.value.kind, caught.value.retryable) == ("rejected", False)


@pytest.mark.parametrize("name", ["", "gpt-5", "/x", "openai/", "demo/oneliner"])
def test_a_name_nobody_serves_is_rejected(name: str) -> None:
    with pytest.raises(ModelFailure) as caught:
        models().find(name)
    assert caught.value.kind == "rejected"


def test_who_answers_for_which_name() -> None:
    keys = {"OPENAI_API_KEY": "sk-1234567890", "ANTHROPIC_API_KEY": "a" * 20, "OPENROUTER_API_KEY": "o" * 20}
    configured = models(keys)
    for name in ("openai/gpt-5", "gpt-5", "openrouter/a/b", "ollama/x", "vllm/x", "hosted_vllm/x"):
        assert isinstance(configured.find(name), OpenAIWire), name
    for name in ("anthropic/claude", "bedrock/x", "azure/x"):
        assert isinstance(configured.find(name), LiteLLMClient), name
    assert configured.find("openai/a") is configured.find("openai/b")


def test_secrets_are_all_keys_of_the_environment() -> None:
    environment = {"OPENAI_API_KEY": "sk-1234567890", "AWS_SECRET_ACCESS_KEY": "w" * 20, "HOME": "/home/somebody"}
    assert models(environment, default="m", api_key=KEY).secrets() == {"sk-1234567890", "w" * 20, KEY}


def test_an_address_without_a_model_is_refused() -> None:
    with pytest.raises(Invalid, match="ONELINER_MODEL"):
        models(base_url="http://127.0.0.1:1/v1")


async def test_a_model_that_needs_litellm_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "litellm", None)  # what the import system makes of a missing module
    client = models({"ANTHROPIC_API_KEY": "a" * 20}).find("anthropic/claude")
    with pytest.raises(ModelFailure) as caught:
        await client.answer(question(), lambda _: None)
    assert caught.value.kind == "rejected"
    assert "pip install 'oneliner[litellm]'" in caught.value.message


def test_naming_models_and_prices_imports_no_model_client() -> None:
    program = (
        "import sys; from oneliner.adapters.models.registry import ConfiguredModels;"
        "m = ConfiguredModels(environment={'ANTHROPIC_API_KEY': 'a' * 9});"
        "m.find('anthropic/x'); assert m.price('openai/gpt-5-mini');"
        "assert not {'litellm', 'openai', 'genai_prices', 'pydantic'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
