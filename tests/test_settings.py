from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from oneliner.domain.errors import Invalid
from oneliner.settings import SETTINGS, Settings, default_data_dir, misspelt_variables

SECRET = "hunter2 hunter2 hunter2 hunter2\x07"


def test_without_anything_set_a_server_listens_on_loopback_and_keeps_its_data_in_the_home_folder() -> None:
    settings = Settings.load({"HOME": "/home/ada"})

    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert Path("/home/ada") in settings.data_dir.parents
    assert settings.database_path == settings.data_dir / "oneliner.db"
    assert settings.model == ""
    assert settings.approves_new_users


@pytest.mark.skipif("sys.platform == 'darwin'", reason="the XDG folders are those of other systems")
def test_the_data_folder_follows_the_xdg_variable_when_it_is_absolute() -> None:
    assert default_data_dir({"HOME": "/home/ada", "XDG_DATA_HOME": "/data"}) == Path("/data/oneliner")
    assert default_data_dir({"HOME": "/home/ada", "XDG_DATA_HOME": "data"}) == Path("/home/ada/.local/share/oneliner")


def test_an_option_comes_before_its_variable_and_the_variable_before_the_default() -> None:
    environ = {"ONELINER_PORT": "9000", "ONELINER_HOST": "::1"}

    settings = Settings.load(environ, port="9001", host=None)

    assert (settings.port, settings.host) == (9001, "::1")


def test_an_empty_variable_counts_as_not_set() -> None:
    assert Settings.load({"ONELINER_PORT": " "}).port == 8000


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ONELINER_PORT", "65536"),
        ("ONELINER_PORT", "-1"),
        ("ONELINER_PORT", "http"),
        ("ONELINER_CONCURRENCY", "0"),
        ("ONELINER_CONCURRENCY", "1.5"),
        ("ONELINER_LEASE_SECONDS", "nan"),
        ("ONELINER_LEASE_SECONDS", "inf"),
        ("ONELINER_LEASE_SECONDS", "0"),
        ("ONELINER_SQLITE_SYNCHRONOUS", "OFF"),
        ("ONELINER_APPROVE_USERS", "yes"),
        ("ONELINER_MODEL_BASE_URL", "localhost:9000"),
        ("ONELINER_MODEL_BASE_URL", "file:///etc/passwd"),
        ("ONELINER_JWT_JWKS_URL", "http://host:port/"),
        ("ONELINER_CORS_ORIGINS", "https://app.example.com/path"),
        ("ONELINER_DATABASE_URL", "postgresql://localhost"),
        ("ONELINER_DATABASE_URL", "mysql://localhost/oneliner"),
        ("ONELINER_DATABASE_URL", "sqlite://"),
        ("ONELINER_DATABASE_URL", "sqlite:///:memory:"),
        ("ONELINER_LOG_LEVEL", "loud"),
        *(("ONELINER_ROUTES", text) for text in ("acme=fast", "user:ada=fast", "project:=fast", "project:acme=")),
    ],
)
def test_a_value_that_is_not_accepted_is_refused_by_name_with_what_is(name: str, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        Settings.load({name: text, "ONELINER_MODEL": "openai/some"})

    assert refused.value.message.startswith(f"{name} must be ")
    assert repr(text) in refused.value.message


def test_a_bad_option_is_named_as_the_option_that_was_given() -> None:
    with pytest.raises(Invalid, match="--lease-seconds must be a number of seconds"):
        Settings.load({}, lease_seconds="soon")


def test_a_refused_secret_is_not_repeated() -> None:
    with pytest.raises(Invalid) as refused:
        Settings.load({"ONELINER_JWT_SECRET": SECRET})

    assert "ONELINER_JWT_SECRET" in refused.value.message
    assert "hunter2" not in refused.value.message


def test_secrets_are_not_part_of_what_is_printed() -> None:
    environ = {"ONELINER_JWT_SECRET": "s" * 40, "ONELINER_MODEL_API_KEY": "sk-key", "ONELINER_MODEL": "openai/some"}

    settings = Settings.load(environ)

    assert (settings.jwt_secret, settings.model_api_key) == ("s" * 40, "sk-key")
    assert "s" * 40 not in repr(settings)
    assert "sk-key" not in repr(settings)


def test_no_secret_has_an_option() -> None:
    secrets = [setting for setting in SETTINGS if setting.kind.is_secret]

    assert secrets
    assert all(setting.option is None for setting in secrets)


@pytest.mark.parametrize("name", ["ONELINER_MODEL_BASE_URL", "ONELINER_MODEL_API_KEY"])
def test_an_address_or_key_without_a_model_to_use_it_for_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match=f"{name} is set and ONELINER_MODEL is not"):
        Settings.load({name: "https://models.example.com/v1"})


def test_lists_are_separated_by_commas() -> None:
    settings = Settings.load(
        {
            "ONELINER_TOOLS": "shop.tools, other.py,",
            "ONELINER_CORS_ORIGINS": "https://App.example.com/,http://[::1]:3000",
        }
    )

    assert settings.tools == ("shop.tools", "other.py")
    assert settings.cors_origins == ("https://app.example.com", "http://[::1]:3000")


def test_lost_runs_are_looked_for_at_least_once_a_lease_unless_told_otherwise() -> None:
    assert Settings.load({}).sweep_seconds == 5
    assert Settings.load({"ONELINER_LEASE_SECONDS": "2"}).sweep_seconds == 2
    assert Settings.load({}, sweep_seconds="7").sweep_seconds == 7


def test_settings_cannot_be_changed() -> None:
    settings = Settings.load({})
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.port = 1  # pyright: ignore[reportAttributeAccessIssue] - that it cannot be set is what is tested


def test_prices_are_read_exactly_as_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_text('{"own/model": {"input": 0.1, "output": "0.30"}}')

    assert Settings.load({}, prices=file).price_overrides() == {"own/model": {"input": "0.1", "output": "0.30"}}
    assert Settings.load({}).price_overrides() == {}


@pytest.mark.parametrize("text", ["", "[]", '{"own/model": 3}', None])
def test_a_file_that_holds_no_prices_is_refused_by_its_name(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "prices.json"
    if text is not None:
        file.write_text(text)

    with pytest.raises(Invalid, match=r"prices\.json"):
        Settings.load({}, prices=file).price_overrides()


def test_a_misspelt_variable_is_found_and_a_foreign_one_is_left_alone() -> None:
    environ = {"ONELINER_MODLE": "x", "ONELINER_PORT": "1", "ONELINER_SERVER": "x", "ONELINER_TEST_REDIS_URL": "x"}

    assert misspelt_variables(environ) == {"ONELINER_MODLE": "ONELINER_MODEL"}


def test_a_broker_needs_a_database_that_workers_can_share() -> None:
    environ = {"ONELINER_BROKER_URL": "redis://localhost/1"}
    with pytest.raises(Invalid, match="no PostgreSQL"):
        Settings.load(environ)

    settings = Settings.load(
        environ | {"ONELINER_DATABASE_URL": "postgresql://ada:secret@db.example.com:5433/oneliner"}
    )
    assert settings.database_url.startswith("postgresql+asyncpg://")
    assert settings.database_shown == "db.example.com:5433/oneliner"
    assert settings.bus_url == "redis://localhost/1"
    assert "secret" not in repr(settings)


def test_settings_written_as_variables_are_the_same_settings_in_another_process() -> None:
    given = {
        "ONELINER_DATA_DIR": "/data",
        "ONELINER_DATABASE_URL": "postgresql://ada:p%40ss@db/oneliner",
        "ONELINER_BROKER_URL": "amqp://broker",
        "ONELINER_CORS_ORIGINS": "https://a.example,https://b.example:8443",
        "ONELINER_PRICES": "/prices.json",
        "ONELINER_LEASE_SECONDS": "0.75",
        "ONELINER_ROUTES": "project:acme=fast,executor:main=slow",
        "ONELINER_WORKERS": "3",
    }
    settings = Settings.load(given, tools=("one.tools", "two.py"), port="9001")

    assert Settings.load(settings.as_variables()) == settings
    assert Settings.load(Settings.load({"HOME": "/home/ada"}).as_variables()) == Settings.load({"HOME": "/home/ada"})
