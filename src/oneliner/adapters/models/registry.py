"""The models of a deployment: which client answers for a name, at which address, with which key.

Names are LiteLLM's: ``provider/model``. A key goes to the endpoint it was configured for and to no other: the
deployment's own key and address belong to the default model's provider, every other provider uses its own variables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneliner.adapters.models.connections import Connections
from oneliner.adapters.models.litellm_client import LiteLLMClient
from oneliner.adapters.models.openai_wire import Endpoint, OpenAIWire
from oneliner.adapters.models.prices import DEMO_MODEL, Prices
from oneliner.adapters.models.providers import DIRECT, KEYED, Provider, openai_root, variable
from oneliner.adapters.models.redaction import Redactor
from oneliner.domain import secret
from oneliner.domain.errors import Invalid, ModelFailure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneliner.adapters.models.limits import Limits
    from oneliner.app.model import Model
    from oneliner.domain.usage import Price


class ConfiguredModels:
    """The Models port from plain values.

    ``default``: the model used when nobody names another; empty means the demo. ``fallbacks``: those asked instead when
    it is out of service. ``base_url`` and ``api_key`` belong to
    it. ``environment``: where the providers' usual variables are looked up. ``demo_base_url``: the demo's server.
    Raises Invalid: an address, key or fallback without a model, a fallback without a provider, a price that is none.
    """

    def __init__(
        self,
        *,
        default: str = "",
        fallbacks: Sequence[str] = (),
        base_url: str = "",
        api_key: str = "",
        environment: Mapping[str, str],
        prices: Mapping[str, Mapping[str, str]] | None = None,
        demo_base_url: str = "",
        limits: Limits | None = None,
    ) -> None:
        if not default and (base_url or api_key):
            raise Invalid("a model address or key is set but no model: set ONELINER_MODEL, such as openai/gpt-5-mini")
        self._base_url = base_url.rstrip("/")
        self._api_key = api_key
        self._environment = environment
        self._demo_base_url = demo_base_url
        self._limits = limits
        self._default = self._full(default) if default else DEMO_MODEL
        self._fallbacks = tuple(self._fallback(name) for name in fallbacks)
        self._prices = Prices(prices)
        self._connections = Connections(environment)
        self._redactor = Redactor(self.secrets())
        self._clients: dict[str, Model] = {}

    @property
    def default(self) -> str:
        """The name of the model that is used when nobody names another."""
        return self._default

    @property
    def fallbacks(self) -> Sequence[str]:
        """The models that are asked, in this order, when the default one is out of service."""
        return self._fallbacks

    @property
    def is_demo(self) -> bool:
        """Whether the default model is the built-in demo."""
        return self._default == DEMO_MODEL

    def find(self, name: str) -> Model:
        """The client for *name*. Raises ModelFailure (kind ``rejected``): it has no provider, or that has no key."""
        full_name = self._full(name)
        provider, _, model = full_name.partition("/")
        if not provider or not model:
            raise _rejected(f"{name!r} names no provider: a model is named as in openai/gpt-5-mini")
        # What the deployment configured for its default model holds for that model's provider as a whole.
        key = self._api_key if provider == self._default.partition("/")[0] else ""
        slot = full_name if full_name in {DEMO_MODEL, self._default} else provider
        if slot not in self._clients:
            self._clients[slot] = self._client(full_name, provider, key)
        return self._clients[slot]

    def price(self, name: str) -> Price | None:
        """What *name* costs, or None when nobody knows."""
        return self._prices.find(self._full(name))

    def window(self, name: str) -> int | None:
        """How many tokens a call of *name* may send, or None when nobody knows."""
        return self._prices.window(self._full(name))

    def secrets(self) -> frozenset[str]:
        """Every key that this deployment holds for a provider, to be removed from whatever is kept or shown."""
        own = frozenset({self._api_key}) if self._api_key else frozenset[str]()
        return own | secret.in_environment(self._environment)

    async def close(self) -> None:
        """Let go of every connection."""
        for client in self._clients.values():
            await client.close()
        self._clients.clear()
        await self._connections.close()

    def _full(self, name: str) -> str:
        """*name* with its provider: a bare one is OpenAI's where something is configured to answer for it."""
        bare = name.strip()
        if not bare or "/" in bare:
            return bare
        answered = self._base_url or variable(self._environment, "OPENAI_API_KEY") or self._api_key
        return f"openai/{bare}" if answered else bare

    def _fallback(self, name: str) -> str:
        full_name = self._full(name)
        if self._default == DEMO_MODEL or not all(full_name.partition("/")):
            raise Invalid(
                f"{name!r} cannot be a fallback: name models as in openai/gpt-5-mini, and set ONELINER_MODEL too",
                setting="model_fallbacks",
            )
        return full_name

    def _client(self, name: str, provider: str, key: str) -> Model:
        if name == DEMO_MODEL:
            if not self._demo_base_url:
                raise _rejected("the demo model is not running here")
            return self._direct(Endpoint(self._demo_base_url))
        # With an address of its own, the default model is asked there, whatever its provider; so is any openai/ name.
        if self._base_url and (name == self._default or provider == "openai"):
            return self._direct(Endpoint(self._base_url, self._api_key, prefix="openai/"))
        if provider in DIRECT:
            return self._direct(self._endpoint(provider, DIRECT[provider], key))
        variable_name = KEYED.get(provider, "")
        key = key or (variable(self._environment, variable_name) if variable_name else "")
        if variable_name and not key:
            raise _rejected(f"{name!r} needs a key: set {variable_name}")
        return LiteLLMClient(self._redactor, api_key=key, limits=self._limits)

    def _endpoint(self, prefix: str, provider: Provider, key: str) -> Endpoint:
        """Where *provider* is asked. Raises ModelFailure: it wants a key and there is none."""
        key = key or variable(self._environment, provider.key_variable)
        if provider.key_required and not key:
            raise _rejected(f"{prefix!r} models need a key: set {provider.key_variable}")
        address = variable(self._environment, provider.address_variable)
        if address and prefix == "ollama":
            address = openai_root(address)
        length_field = "max_tokens" if address else provider.length_field
        return Endpoint(address or provider.base_url, key, prefix=f"{prefix}/", length_field=length_field)

    def _direct(self, endpoint: Endpoint) -> OpenAIWire:
        return OpenAIWire(endpoint, self._connections, self._redactor, self._limits)


def _rejected(message: str) -> ModelFailure:
    return ModelFailure(message, kind="rejected", retryable=False)
