"""Every variable: its default, a good value, and the error for a bad one."""

import dataclasses
from datetime import UTC, date, datetime
from typing import Any

import pytest

from trackdrive_assets import clock
from trackdrive_assets.api.auth import AuthToken, KeyPair
from trackdrive_assets.api.catalog import REPORT_CATEGORIES
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.settings import SettingError, Settings, setting_description, variable

# Variable, default, a text, and the value that it means.
VARIABLES: list[tuple[str, Any, str, Any]] = [
    ("TRACKDRIVE_SUBDOMAIN", None, "acme-2", "acme-2"),
    ("TRACKDRIVE_BASE_URL", None, "http://127.0.0.1:8765/", "http://127.0.0.1:8765"),
    ("TRACKDRIVE_PUBLIC_KEY", None, "tdpubexample", "tdpubexample"),
    ("TRACKDRIVE_PRIVATE_KEY", None, "tdprvexample", "tdprvexample"),
    ("TRACKDRIVE_AUTH_TOKEN", None, "sesame", "sesame"),
    ("TRACKDRIVE_AUTH_TOKEN_IN", "query", "header", "header"),
    ("TRACKDRIVE_TIME_ZONE", "UTC", "America/New_York", "America/New_York"),
    ("TRACKDRIVE_START_DATE", date(2024, 1, 1), "2023-02-28", date(2023, 2, 28)),
    ("TRACKDRIVE_LAKE", "data", "s3://bucket/lake", "s3://bucket/lake"),
    ("TRACKDRIVE_PER_PAGE", 250, "1000", 1000),
    ("TRACKDRIVE_MAX_CONCURRENCY", 4, "64", 64),
    ("TRACKDRIVE_REQUESTS_PER_SECOND", 5.0, "0.5", 0.5),
    ("TRACKDRIVE_DATE_PRECISION", "microsecond", "second", "second"),
    ("TRACKDRIVE_REPORT_CATEGORIES", REPORT_CATEGORIES, "buyer_id, status,", ("buyer_id", "status")),
    ("TRACKDRIVE_STATS_INTERVAL", "1h", "15m", "15m"),
    ("TRACKDRIVE_INTRADAY_MINUTES", 15, "60", 60),
    ("TRACKDRIVE_INTRADAY_TABLES", ("calls", "reports"), "stats, calls", ("calls", "stats")),
    ("TRACKDRIVE_REFERENCE_TABLES", (), "offers, buyers", ("buyers", "offers")),
    ("TRACKDRIVE_LOOKBACK_DAYS", 30, "7", 7),
    ("TRACKDRIVE_DAYS_PER_RUN", 0, "7", 7),
    ("TRACKDRIVE_PAGE_DAYS", 0, "30", 30),
    ("TRACKDRIVE_EXCLUDE_COLUMNS", (), "caller_number,token-*", ("caller_number", "token-*")),
    ("TRACKDRIVE_WEBHOOK_URL", None, "https://hooks.example.com/a?b", "https://hooks.example.com/a?b"),
    ("TRACKDRIVE_UI_URL", None, "https://dagster.example.com/", "https://dagster.example.com"),
    ("TRACKDRIVE_CODE_URL", None, "https://git.example.com/acme/main/", "https://git.example.com/acme/main"),
]
NAMES = [row[0] for row in VARIABLES]
KEYS = ["TRACKDRIVE_PUBLIC_KEY", "TRACKDRIVE_PRIVATE_KEY", "TRACKDRIVE_AUTH_TOKEN"]
SECRETS = [*KEYS, "TRACKDRIVE_WEBHOOK_URL"]


def field_of(name: str) -> str:
    return name.removeprefix("TRACKDRIVE_").lower()


def read(name: str, text: str) -> Any:
    return getattr(Settings.read({name: text}), field_of(name))


def error_of(name: str, text: str) -> str:
    with pytest.raises(SettingError) as caught:
        read(name, text)
    return str(caught.value)


def test_every_setting_is_in_this_table() -> None:
    assert [variable(field.name) for field in dataclasses.fields(Settings)] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_has_a_description(name: str) -> None:
    assert setting_description(field_of(name)).endswith(".")


@pytest.mark.parametrize(("name", "default"), [(row[0], row[1]) for row in VARIABLES], ids=NAMES)
def test_a_variable_that_is_missing_or_empty_has_its_default(name: str, default: object) -> None:
    assert getattr(Settings.read({}), field_of(name)) == default
    assert read(name, "") == default
    assert read(name, " \n") == default


@pytest.mark.parametrize(
    ("name", "text", "value"), [(row[0], row[2], row[3]) for row in VARIABLES], ids=NAMES
)
def test_a_variable_is_read(name: str, text: str, value: object) -> None:
    assert read(name, text) == value
    assert read(name, f" {text}\n") == value


@pytest.mark.parametrize(("name", "value"), [(row[0], row[3]) for row in VARIABLES], ids=NAMES)
def test_a_setting_accepts_its_value_in_code(name: str, value: object) -> None:
    assert getattr(Settings(**{field_of(name): value}), field_of(name)) == value  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "text", "advice"),
    [
        ("TRACKDRIVE_SUBDOMAIN", "https://acme.trackdrive.com", "only the first part of the host"),
        ("TRACKDRIVE_SUBDOMAIN", "acme.trackdrive.com", "acme for https://acme.trackdrive.com"),
        ("TRACKDRIVE_INTRADAY_TABLES", "calls,stat", "use some of calls, reports, stats, separated by"),
        ("TRACKDRIVE_SUBDOMAIN", "-acme", "only the first part of the host"),
        ("TRACKDRIVE_SUBDOMAIN", "ac me", "only the first part of the host"),
        ("TRACKDRIVE_BASE_URL", "acme.trackdrive.com", "use a scheme and a host"),
        ("TRACKDRIVE_BASE_URL", "ftp://acme.trackdrive.com", "use a scheme and a host"),
        ("TRACKDRIVE_BASE_URL", "https://", "use a scheme and a host"),
        ("TRACKDRIVE_BASE_URL", "http://[::1", "use a scheme and a host"),
        ("TRACKDRIVE_BASE_URL", "http://acme.example:port", "use a scheme and a host"),
        ("TRACKDRIVE_BASE_URL", "http://acme.trackdrive.com", "use https, because"),
        ("TRACKDRIVE_BASE_URL", "https://acme.trackdrive.com/api/v1", "remove everything after"),
        ("TRACKDRIVE_BASE_URL", "https://acme.trackdrive.com?a=b", "remove everything after"),
        ("TRACKDRIVE_BASE_URL", "https://acme.trackdrive.com#a", "remove everything after"),
        ("TRACKDRIVE_SUBDOMAIN", "a" * 64, "only the first part of the host"),
        ("TRACKDRIVE_SUBDOMAIN", "acmé", "only the first part of the host"),
        ("TRACKDRIVE_BASE_URL", "https://a..b", "its host is not a valid name"),
        ("TRACKDRIVE_BASE_URL", "https://acme.trackdrive.com.", "its host is not a valid name"),
        ("TRACKDRIVE_BASE_URL", "https://-acme.trackdrive.com", "its host is not a valid name"),
        ("TRACKDRIVE_BASE_URL", f"https://{'a.' * 127}com", "its host is not a valid name"),
        ("TRACKDRIVE_BASE_URL", f"https://{'a' * 64}.com", "its host is not a valid name"),
        ("TRACKDRIVE_BASE_URL", "https://träckdrive.com", "its host is not a valid name"),
        ("TRACKDRIVE_BASE_URL", "https://acme.trackdrive.com:99999", "use a scheme and a host"),
        ("TRACKDRIVE_BASE_URL", "https://acme.trackdrive.com:0", "use a scheme and a host"),
        ("TRACKDRIVE_BASE_URL", "https://acme .trackdrive.com", "use a scheme and a host"),
        ("TRACKDRIVE_BASE_URL", "https://[", "use a scheme and a host"),
        ("TRACKDRIVE_BASE_URL", "https://[::g]", "use a scheme and a host"),
        ("TRACKDRIVE_BASE_URL", "https://acme.track\ndrive.com", "a character that is not visible"),
        ("TRACKDRIVE_BASE_URL", "http://127.0.0.1.example.com", "use https"),
        ("TRACKDRIVE_CODE_URL", "https://a..b/main", "its host is not a valid name"),
        ("TRACKDRIVE_CODE_URL", "http://[", "use the URL of the folder with README.md"),
        ("TRACKDRIVE_TIME_ZONE", "EST", "use America/New_York, or America/Panama, which has no daylight"),
        ("TRACKDRIVE_TIME_ZONE", "MST", "use America/Denver, or America/Phoenix"),
        ("TRACKDRIVE_TIME_ZONE", "HST", "use Pacific/Honolulu"),
        ("TRACKDRIVE_TIME_ZONE", "EST5EDT", "use America/New_York."),
        ("TRACKDRIVE_TIME_ZONE", "est", "use America/New_York"),
        ("TRACKDRIVE_TIME_ZONE", "PT", "use America/Los_Angeles"),
        ("TRACKDRIVE_TIME_ZONE", "localtime", "use an IANA name such as America/New_York"),
        ("TRACKDRIVE_TIME_ZONE", "Factory", "use an IANA name such as America/New_York"),
        ("TRACKDRIVE_TIME_ZONE", "Zulu", "use UTC"),
        ("TRACKDRIVE_TIME_ZONE", "posix/America/Denver", "use America/Denver"),
        ("TRACKDRIVE_TIME_ZONE", "right/America/Denver", "use America/Denver"),
        ("TRACKDRIVE_TIME_ZONE", "New_York", "use an IANA name such as America/New_York"),
        ("TRACKDRIVE_TIME_ZONE", "america/los_angelos", "use an IANA name such as America/Los_Angeles"),
        ("TRACKDRIVE_TIME_ZONE", "UTC+5", "this time zone does not exist"),
        ("TRACKDRIVE_AUTH_TOKEN_IN", "body", "use one of query, header"),
        ("TRACKDRIVE_TIME_ZONE", "America/Nowhere", "this time zone does not exist"),
        ("TRACKDRIVE_TIME_ZONE", "America", "this time zone does not exist"),
        ("TRACKDRIVE_TIME_ZONE", "../etc/passwd", "this time zone does not exist"),
        ("TRACKDRIVE_START_DATE", "01/02/2024", "use a date such as 2024-01-01"),
        ("TRACKDRIVE_START_DATE", "2024-02-30", "use a date such as 2024-01-01"),
        ("TRACKDRIVE_START_DATE", "20240101", "use a date such as 2024-01-01"),
        ("TRACKDRIVE_START_DATE", "2024-W01-1", "use a date such as 2024-01-01"),
        ("TRACKDRIVE_START_DATE", "0001-01-01", "use a date of the years 2000 to 2099"),
        ("TRACKDRIVE_START_DATE", "9999-12-31", "use a date of the years 2000 to 2099"),
        ("TRACKDRIVE_LAKE", "$HOME/lake", "variables in it are not expanded"),
        ("TRACKDRIVE_LAKE", "${HOME}/lake", "variables in it are not expanded"),
        ("TRACKDRIVE_LAKE", "%USERPROFILE%/lake", "variables in it are not expanded"),
        ("TRACKDRIVE_LAKE", "s3:/bucket", "a URL begins like s3://bucket"),
        ("TRACKDRIVE_LAKE", "gs:bucket", "a URL begins like s3://bucket"),
        ("TRACKDRIVE_LAKE", "~no-such-person/lake", "the home folder ~no-such-person does not exist"),
        ("TRACKDRIVE_LAKE", "la\x00ke", "a character that is not visible"),
        ("TRACKDRIVE_PER_PAGE", "1_000", "use a whole number of 1 or more"),
        ("TRACKDRIVE_PER_PAGE", "٣", "use a whole number of 1 or more"),
        ("TRACKDRIVE_PER_PAGE", "+7", "use a whole number of 1 or more"),
        ("TRACKDRIVE_PER_PAGE", "0", "use a whole number of 1 or more"),
        ("TRACKDRIVE_PER_PAGE", "2.5", "use a whole number of 1 or more"),
        ("TRACKDRIVE_PER_PAGE", "9" * 5000, "use a whole number of 1 or more"),
        ("TRACKDRIVE_MAX_CONCURRENCY", "0", "use a whole number from 1 to 64"),
        ("TRACKDRIVE_MAX_CONCURRENCY", "65", "use a whole number from 1 to 64"),
        ("TRACKDRIVE_REQUESTS_PER_SECOND", "-1", "0 means no limit"),
        ("TRACKDRIVE_REQUESTS_PER_SECOND", "1001", "a number from 0 to 1000"),
        ("TRACKDRIVE_REQUESTS_PER_SECOND", "nan", "a number from 0 to 1000"),
        ("TRACKDRIVE_REQUESTS_PER_SECOND", "1_0", "a number from 0 to 1000"),
        ("TRACKDRIVE_REQUESTS_PER_SECOND", "1e2", "a number from 0 to 1000"),
        ("TRACKDRIVE_REQUESTS_PER_SECOND", "٣", "a number from 0 to 1000"),
        ("TRACKDRIVE_REQUESTS_PER_SECOND", "0,5", "a number from 0 to 1000"),
        ("TRACKDRIVE_REQUESTS_PER_SECOND", "inf", "a number from 0 to 1000"),
        ("TRACKDRIVE_REQUESTS_PER_SECOND", "fast", "a number from 0 to 1000"),
        ("TRACKDRIVE_REPORT_CATEGORIES", "buyer_id;status", "'buyer_id;status' is not a name"),
        ("TRACKDRIVE_STATS_INTERVAL", "2h", "use one of 5m, 15m, 30m, 1h, 6h, 1d"),
        ("TRACKDRIVE_INTRADAY_MINUTES", "25", "use one of 5, 10, 15, 20, 30, 60"),
        ("TRACKDRIVE_INTRADAY_MINUTES", "15m", "use one of 5, 10, 15, 20, 30, 60"),
        ("TRACKDRIVE_LOOKBACK_DAYS", "a month", "use a whole number from 1 to 366"),
        ("TRACKDRIVE_LOOKBACK_DAYS", "367", "use a whole number from 1 to 366"),
        ("TRACKDRIVE_CODE_URL", "git@example.com:acme", "use the URL of the folder with README.md"),
        ("TRACKDRIVE_EXCLUDE_COLUMNS", "*", "uuid can't be excluded"),
        ("TRACKDRIVE_EXCLUDE_COLUMNS", "caller_nubmer", "Did you mean caller_number?"),
        ("TRACKDRIVE_EXCLUDE_COLUMNS", "token-[a-z]*", "'token-[a-z]*' is not a name"),
        ("TRACKDRIVE_REPORT_CATEGORIES", "stätus", "'stätus' is not a name"),
        ("TRACKDRIVE_EXCLUDE_COLUMNS", "caller number", "'caller number' is not a name"),
    ],
)
def test_an_invalid_value_is_shown_with_its_variable(name: str, text: str, advice: str) -> None:
    message = error_of(name, text)
    assert message.startswith(f"{name} is invalid (it is {text!r})")
    assert advice in message


def test_a_start_date_after_today_is_refused() -> None:
    with clock.set_to(datetime(2024, 6, 19, 23, tzinfo=UTC)):
        assert Settings(start_date=date(2024, 6, 20), time_zone="Asia/Tokyo").start_date == date(2024, 6, 20)
        with pytest.raises(SettingError, match="it is after today, 2024-06-19 in UTC, so no day could be"):
            Settings(start_date=date(2024, 6, 20))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("quoted", ['"{}"', "'{}'", "`{}`", "\u201c{}\u201d", "\u2018{}\u2019", '"{}', "{}'"])
def test_quotes_around_a_value_are_named(name: str, quoted: str) -> None:
    text = quoted.format(next(row[2] for row in VARIABLES if row[0] == name))
    message = error_of(name, text)
    assert message.startswith(f"{name} has quotes around its value")
    assert (repr(text) in message) == (name not in SECRETS)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_never_shown(name: str) -> None:
    assert "sesame" not in error_of(name, '"sesame"')
    assert "sesame" not in error_of(name, "sesame\N{ZERO WIDTH SPACE}sesame")
    text = next(row[2] for row in VARIABLES if row[0] == name)
    assert text not in repr(Settings.read({name: text}))


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("text", ["open sesame", "sesame\N{EM DASH}", "se\nsame"])
def test_a_key_with_an_invalid_character_is_rejected(name: str, text: str) -> None:
    assert error_of(name, text).startswith(f"{name} is invalid (its value is not shown)")


@pytest.mark.parametrize(
    "url",
    [
        "https://tdpubexample:sesame@acme.trackdrive.com",
        "https://user:ses@me@acme.trackdrive.com/api",
        "https://acme.trackdrive.com?auth_token=sesame",
    ],
)
def test_a_secret_in_a_url_is_not_shown(url: str) -> None:
    message = error_of("TRACKDRIVE_BASE_URL", url)
    assert "TRACKDRIVE_BASE_URL" in message
    assert "[redacted]" in message
    assert "ses" not in message
    assert "sesame" not in error_of("TRACKDRIVE_BASE_URL", f'"{url}"')


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("start_date", datetime(2024, 1, 1, 5)),  # noqa: DTZ001  # whatever its zone: it is no date
        ("per_page", True),
        ("per_page", 0),
        ("per_page", 2.5),
        ("requests_per_second", -1.0),
        ("max_concurrency", 65),
        ("report_categories", ("buyer id",)),
        ("time_zone", "Mars"),
        ("subdomain", ""),
    ],
)
def test_a_value_in_code_is_validated(field: str, value: object) -> None:
    with pytest.raises(SettingError, match=f"^{variable(field)} is invalid"):
        Settings(**{field: value})  # type: ignore[arg-type]  # what is tested


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("TRACKDRIVE_TIMEZONE", "TRACKDRIVE_TIME_ZONE"),
        ("TRACKDRIVE_EXCLUDED_COLUMNS", "TRACKDRIVE_EXCLUDE_COLUMNS"),
        ("trackdrive_sub_domain", "TRACKDRIVE_SUBDOMAIN"),
        ("Trackdrive_Private_Keys", "TRACKDRIVE_PRIVATE_KEY"),
    ],
)
def test_a_variable_that_is_no_setting_is_an_error(name: str, nearest: str) -> None:
    with pytest.raises(SettingError, match=f"^{name} is no setting. Did you mean {nearest}?") as caught:
        Settings.read({name: "sesame"})
    assert "sesame" not in str(caught.value)


def test_a_name_like_no_setting_is_an_error_with_all_names() -> None:
    with pytest.raises(SettingError, match=r"X is no setting\. The settings are") as caught:
        Settings.read({f"TRACKDRIVE_{'X' * 40}": "1"})
    assert all(name in str(caught.value) for name in NAMES)


def test_other_variables_and_empty_ones_are_no_error() -> None:
    assert Settings.read({"TRACKDRIVEX": "1", "MY_TRACKDRIVE_X": "1", "TRACKDRIVE_X": " "}) == Settings()


@pytest.mark.parametrize("name", ["trackdrive_time_zone", "Trackdrive_Time_Zone"])
def test_names_are_compared_without_case(name: str) -> None:
    assert Settings.read({name: "America/Denver"}).time_zone == "America/Denver"


def test_one_setting_with_two_values_is_an_error() -> None:
    same = {"TRACKDRIVE_LAKE": "a", "trackdrive_lake": " a"}
    assert Settings.read(same).lake == "a"
    with pytest.raises(SettingError, match="TRACKDRIVE_LAKE is set twice"):
        Settings.read({**same, "Trackdrive_Lake": "b"})


@pytest.mark.parametrize("zone", ["UTC", "GMT", "Etc/UTC", "Etc/GMT+5", "US/Eastern", "America/Indiana/Knox"])
def test_a_place_and_utc_are_time_zones(zone: str) -> None:
    assert read("TRACKDRIVE_TIME_ZONE", zone) == zone


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("TRACKDRIVE_PUBLIC_KEY", "tdprvsesame", "it begins with tdprv, so it is a private key; exchange"),
        ("TRACKDRIVE_PRIVATE_KEY", "tdpubsesame", "it begins with tdpub, so it is a public key; exchange"),
        (
            "TRACKDRIVE_AUTH_TOKEN",
            "TDPRVsesame",
            "so it is a private key; the key pair has its own variables",
        ),
    ],
)
def test_swapped_halves_of_a_key_pair_are_an_error(name: str, text: str, reason: str) -> None:
    message = error_of(name, text)
    assert message.startswith(f"{name} is invalid (its value is not shown): ")
    assert reason in message
    assert "sesame" not in message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("HTTPS://ACME.trackdrive.com:443/", "https://acme.trackdrive.com:443"),
        ("https://acme.trackdrive.com:", "https://acme.trackdrive.com"),
        ("http://[::1]:8765", "http://[::1]:8765"),
        ("http://localhost:1", "http://localhost:1"),
    ],
)
def test_an_address_is_written_in_one_way(text: str, value: str) -> None:
    assert read("TRACKDRIVE_BASE_URL", text) == value
    assert read("TRACKDRIVE_SUBDOMAIN", "Acme") == "acme"


@pytest.mark.parametrize("exclude", ["contact_id", "caller_number"])
def test_categories_that_are_all_excluded_are_an_error(exclude: str) -> None:
    with pytest.raises(SettingError, match="TRACKDRIVE_REPORT_CATEGORIES leaves no report to fetch"):
        Settings(report_categories=("contact_id",), exclude_columns=(exclude,))
    with pytest.raises(SettingError, match="TRACKDRIVE_REPORT_CATEGORIES leaves no report to fetch"):
        read("TRACKDRIVE_REPORT_CATEGORIES", ",")


def test_a_lake_without_a_name_is_refused() -> None:
    with pytest.raises(SettingError, match="it is empty; name a folder"):
        Settings(lake=" ")


def test_a_folder_in_the_home_folder_is_a_lake() -> None:
    assert read("TRACKDRIVE_LAKE", "~/lake") == "~/lake"


def test_repeated_names_are_dropped() -> None:
    assert read("TRACKDRIVE_REPORT_CATEGORIES", "status,buyer_id,status") == ("status", "buyer_id")


def test_the_address_is_that_of_the_subdomain_unless_another_is_given() -> None:
    assert Settings(subdomain="acme").address == "https://acme.trackdrive.com"
    assert Settings(subdomain="acme", base_url="http://127.0.0.1:8765").address == "http://127.0.0.1:8765"


def test_an_address_that_is_not_set_is_an_error_that_names_both_variables() -> None:
    with pytest.raises(SettingError, match=r"TRACKDRIVE_SUBDOMAIN is not set.* or set TRACKDRIVE_BASE_URL"):
        _ = Settings().address


def test_the_key_pair_comes_before_the_token() -> None:
    pair = Settings(public_key="tdpubexample", private_key="tdprvexample", auth_token="sesame")
    assert pair.credentials == KeyPair("tdpubexample", "tdprvexample")
    assert Settings(auth_token="sesame").credentials == AuthToken("sesame")
    assert Settings(auth_token="sesame", auth_token_in="header").credentials == AuthToken("sesame", "header")


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ("TRACKDRIVE_PUBLIC_KEY", "TRACKDRIVE_PRIVATE_KEY"),
        ("TRACKDRIVE_PRIVATE_KEY", "TRACKDRIVE_PUBLIC_KEY"),
    ],
)
def test_half_a_key_pair_is_an_error_even_with_a_token(given: str, missing: str) -> None:
    settings = Settings.read({given: "sesame", "TRACKDRIVE_AUTH_TOKEN": "sesame"})
    with pytest.raises(SettingError, match=f"^{missing} is not set, but {given} is") as caught:
        _ = settings.credentials
    assert "sesame" not in str(caught.value)


def test_no_credentials_are_an_error_that_names_every_way() -> None:
    with pytest.raises(SettingError) as caught:
        _ = Settings().credentials
    for name in KEYS:
        assert name in str(caught.value)


def test_an_invalid_webhook_is_not_shown() -> None:
    for url in ("hooks.example.com/s3cr3t", "https://[/s3cr3t", "https://hooks.example.com:x/s3cr3t"):
        message = error_of("TRACKDRIVE_WEBHOOK_URL", url)
        assert "use the complete URL of the webhook" in message
        assert "s3cr3t" not in message
    assert "its host is not a valid name" in error_of("TRACKDRIVE_WEBHOOK_URL", "https://a..b/s3cr3t")


def test_a_webhook_over_http_is_only_for_this_machine() -> None:
    assert read("TRACKDRIVE_WEBHOOK_URL", "http://127.0.0.1:9093/a") == "http://127.0.0.1:9093/a"
    message = error_of("TRACKDRIVE_WEBHOOK_URL", "http://hooks.example.com/s3cr3t")
    assert "use https, because" in message
    assert "s3cr3t" not in message


def test_the_client_options_are_those_of_the_settings() -> None:
    options: dict[str, Any] = {"per_page": 7, "max_concurrency": 2, "requests_per_second": 0.5}
    assert Settings(**options).client_options == ClientOptions(**options)
