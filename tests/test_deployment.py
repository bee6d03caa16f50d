"""What an administrator is shown of the settings: all of them, and no secret."""

from __future__ import annotations

from oneliner.settings import SETTINGS, Settings
from oneliner.wiring.deployment import deployment_of, shown

SECRET = "hunter2-hunter2-hunter2-hunter2-hunter2"


def test_every_setting_is_shown_and_no_secret_is() -> None:
    settings = Settings.load(
        {
            "ONELINER_DATABASE_URL": f"postgresql+asyncpg://ada:{SECRET}@db.example.com:5433/work?password={SECRET}",
            "ONELINER_REDIS_URL": f"redis://:{SECRET}@redis.example.com/1",
            "ONELINER_BROKER_URL": f"amqps://ada:{SECRET}@broker.example.com",
            "ONELINER_MODEL": "openai/gpt-5-mini",
            "ONELINER_MODEL_BASE_URL": f"https://ada:{SECRET}@models.example.com/v1?key={SECRET}",
            "ONELINER_MODEL_API_KEY": SECRET,
            "ONELINER_JWT_SECRET": SECRET,
        }
    )

    found = shown(settings, {})

    assert [one.name for one in found] == [setting.name for setting in SETTINGS]
    assert SECRET not in repr(found)
    by_name = {one.name: one for one in found}
    assert by_name["database_url"].value == "db.example.com:5433/work"
    assert by_name["model_base_url"].value == "https://models.example.com/v1"
    assert by_name["jwt_secret"].value is None
    assert {name for name in ("model", "jwt_secret", "redis_url") if not by_name[name].is_default} == {
        "model",
        "jwt_secret",
        "redis_url",
    }
    deployed = deployment_of(settings, {}, 7)
    assert (deployed.database, deployed.bus, deployed.broker) == ("postgresql", "redis", "amqp")


def test_what_nobody_set_is_said_to_be_a_default() -> None:
    environ = {"HOME": "/home/ada"}

    found = shown(Settings.load(environ), environ)

    assert [one.name for one in found if not one.is_default] == []
    assert [
        one.name
        for one in shown(Settings.load({**environ, "ONELINER_LEASE_SECONDS": "2"}), environ)
        if not one.is_default
    ] == ["lease_seconds"]
