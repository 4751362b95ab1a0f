"""The contracts of the tables: names and types."""

import pyarrow as pa
import pytest

from trackdrive_assets.tables.columns import CALLS, REPORTS, STATS, TABLES, Table

LEGACY_API = """
uuid recording_url number_called connected_to caller_number offer traffic_source buyer
obfuscated_caller_number caller_city caller_country token_values total_duration hold_duration
ivr_duration answered_duration user_offer_id user_traffic_source_id user_buyer_id sub_id
ring_pool_id status buyer_converted buyer_repeat_caller buyer_revenue traffic_source_converted
traffic_source_repeat_caller traffic_source_payout trackdrive_cost provider_cost hangup_reason
call_sid provider outgoing_webhooks_count created_at ended_at
""".split()  # noqa: SIM905  names read better as text
CURRENT_API = """
id legacy_id type uuid created_at updated_at deleted_at user_updated_at routes_show_path
routes_edit_path external_record_id name recording_url category number_called number_id connected_to
caller_number offer user_offer_id offer_id quality_assurance_user_id quality_assurance_name
quality_assurance_id agent_id traffic_source user_traffic_source_id traffic_source_id buyer
user_buyer_id buyer_id obfuscated_caller_number caller_city caller_country token_values
total_duration hold_duration ivr_duration attempted_duration answered_duration agent_duration sub_id
schedule_id schedule_name ring_pool_id status buyer_converted buyer_repeat_caller buyer_revenue
revenue traffic_source_converted traffic_source_repeat_caller traffic_source_payout payout
trackdrive_cost provider_cost call_sid provider outgoing_webhooks_count ended_at contact_field_type
disposition_id disposition_key disposition_name disposition_notes hangup_cause
""".split()  # noqa: SIM905  names read better as text


@pytest.mark.parametrize("documented", [LEGACY_API, CURRENT_API], ids=["legacy API", "current API"])
def test_calls_have_a_column_for_everything_documented(documented: list[str]) -> None:
    assert set(documented) <= set(CALLS.schema.names)


def test_calls_have_no_undocumented_column() -> None:
    assert set(CALLS.schema.names) - {*LEGACY_API, *CURRENT_API} == {"tokens", "extra", "fetched_at"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("created_at", pa.timestamp("us", tz="UTC")),
        ("revenue", pa.decimal128(18, 6)),
        ("provider_cost", pa.decimal128(18, 6)),
        ("total_duration", pa.float64()),
        ("buyer_converted", pa.bool_()),
        ("traffic_source_repeat_caller", pa.bool_()),
        ("buyer_id", pa.int64()),
        ("outgoing_webhooks_count", pa.int64()),
        ("user_buyer_id", pa.string()),
        ("sub_id", pa.string()),
        ("caller_number", pa.string()),
        ("tokens", pa.map_(pa.string(), pa.string())),
    ],
)
def test_calls_are_typed(name: str, kind: pa.DataType) -> None:
    assert CALLS.schema.field(name).type == kind


def test_reports_and_stats_have_the_columns_of_the_contract() -> None:
    assert REPORTS.schema.names == [
        "category",
        "group_value",
        "group_name",
        "calls",
        "buyer_conversions",
        "traffic_source_conversions",
        "revenue",
        "payout",
        "cost",
        "profit",
        "average_duration",
        "row",
    ]
    assert STATS.schema.names == [
        "group_by",
        "interval_start",
        "interval_end",
        "group_value",
        "count",
        "revenue",
        "profit",
        "cost",
    ]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_has_a_sentence_as_its_description(table: Table) -> None:
    assert all(text.endswith(".") for text in table.column_descriptions.values())


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_no_table_names_a_column_twice(table: Table) -> None:
    names = [column.name for column in table.view_columns]
    assert len(names) == len(set(names))
