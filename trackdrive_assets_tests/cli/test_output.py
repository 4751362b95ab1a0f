"""What the commands write: cells of spreadsheets, files and links, and nothing of a request that fails."""

import csv
import io
import json
import os
import stat
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trackdrive_assets.cli.output import open_writer
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.cli.conftest import Trackdrive

FORMULAS = [
    "=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "-1", "+1", "+1719555\n=1", "=", "\uff1d1+1",
    "+17195550100 ", "+1719555010O",
]  # fmt: skip
TEXTS = ["1=1", "a+b", "+17195550100", "", " x", "'=1", "a@example.com", "2024-06-19"]


def written(tmp_path: Path, format_: str, batch: pa.RecordBatch) -> bytes:
    path = tmp_path / f"out.{format_}"
    with open_writer(format_, path, batch.schema, time_zone="UTC") as writer:
        writer.write(batch)
    return path.read_bytes()


def texts(values: list[str]) -> pa.RecordBatch:
    return pa.record_batch({"buyer": pa.array(values, pa.string())})


def cells(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))[1:]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_cell_of_csv_that_begins_like_a_formula_is_escaped(tmp_path: Path, text: str) -> None:
    assert cells(written(tmp_path, "csv", texts([text]))) == [[f"'{text}"]]


@pytest.mark.parametrize("text", TEXTS)
def test_another_text_and_a_phone_number_are_not_escaped(tmp_path: Path, text: str) -> None:
    assert cells(written(tmp_path, "csv", texts([text, "x"]))) == [[text], ["x"]]


def test_numbers_stay_numbers_in_csv(tmp_path: Path) -> None:
    batch = pa.record_batch(
        {
            "profit": pa.array([-1.5, None]),
            "payout": pa.array(["-2.50", None]).cast(pa.decimal128(18, 6)),
            "name": pa.array([None, "-x"], pa.string()),
        }
    )
    assert cells(written(tmp_path, "csv", batch)) == [["-1.5", "-2.500000", ""], ["", "", "'-x"]]


@pytest.mark.parametrize("text", FORMULAS)
def test_formats_for_programs_are_not_escaped(tmp_path: Path, text: str) -> None:
    assert json.loads(written(tmp_path, "jsonl", texts([text]))) == {"buyer": text}
    assert pq.read_table(io.BytesIO(written(tmp_path, "parquet", texts([text]))))["buyer"].to_pylist() == [
        text
    ]


def test_the_calls_of_a_buyer_with_the_name_of_a_formula_are_escaped(
    trackdrive: Trackdrive, sandbox: Sandbox
) -> None:
    sandbox.rewrite = lambda row: row | {"buyer": "=HYPERLINK(1)", "token-a": "@b"}
    outcome = trackdrive("calls", "--limit", "1", "--columns", "buyer", "--format", "csv")
    assert cells(outcome.stdout_bytes) == [["'=HYPERLINK(1)"]]


@pytest.mark.parametrize("format_", ["csv", "jsonl", "parquet", "xlsx", "table"])
def test_a_request_that_fails_leaves_nothing_on_stdout(
    trackdrive: Trackdrive, sandbox: Sandbox, format_: str
) -> None:
    sandbox.revoked = True
    for command in (["calls"], ["call", "1"], ["report", "status"], ["stats", "status", "--from", "today"]):
        outcome = trackdrive(*command, "--format", format_)
        assert (outcome.exit_code, outcome.stdout) == (1, "")


@pytest.mark.parametrize("name", ["calls.pdf", "calls.xls", "calls.csv.gz", "calls.json"])
def test_an_unknown_ending_is_an_error_with_the_endings(
    trackdrive: Trackdrive, sandbox: Sandbox, name: str
) -> None:
    outcome = trackdrive("calls", "--output", name)
    assert (outcome.exit_code, sandbox.requests) == (2, [])
    assert f"'{Path(name).suffix}'. Use .csv, .jsonl, .parquet or .xlsx" in outcome.stderr


def test_the_format_can_be_named_for_any_ending(trackdrive: Trackdrive, tmp_path: Path) -> None:
    assert trackdrive("report", "status", "--format", "jsonl", "--output", "report.txt").exit_code == 0
    assert (tmp_path / "report.txt").read_text().startswith('{"group_value"')


def test_a_list_is_json_in_csv(tmp_path: Path) -> None:
    assert cells(written(tmp_path, "csv", pa.record_batch({"ids": pa.array([[1, 2]])}))) == [["[1,2]"]]


def test_days_without_calls_have_the_head_of_the_table(trackdrive: Trackdrive) -> None:
    outcome = trackdrive("calls", "--from", "2001-01-01", "--to", "2001-01-01", "--columns", "uuid")
    assert (outcome.exit_code, outcome.stdout) == (0, '"uuid"\n')


def test_the_output_keeps_the_mode_and_the_target_of_a_link(trackdrive: Trackdrive, tmp_path: Path) -> None:
    target = tmp_path / "kept" / "calls.csv"
    target.parent.mkdir()
    target.write_text("old")
    target.chmod(0o640)
    (tmp_path / "link.csv").symlink_to(target)
    # The name of the temporary file of an earlier version, laid there by another person.
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / f".link.csv.{os.getpid()}.tmp").symlink_to(victim)
    assert trackdrive("report", "status", "--output", "link.csv").exit_code == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert target.read_text().startswith('"group_value"')
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert victim.read_text() == "precious"
