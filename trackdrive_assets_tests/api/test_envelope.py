"""From the bytes of a body to its rows: any root, no root, and every digit as it was sent."""

from decimal import Decimal

import pytest

from trackdrive_assets.api.decoding import NotAnAnswer, NotJson
from trackdrive_assets.api.envelope import Metadata, encode, open_envelope


@pytest.mark.parametrize(
    ("written", "token"),
    [
        ("32494003", "32494003"),
        ("171883555347870.0", "171883555347870.0"),
        ("1.7188355534787E+14", "1.7188355534787E+14"),
        ("171883555347870.12345678901234567890", "171883555347870.12345678901234567890"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("0", "0"),
        ("0.0", "0.0"),
        ("-1", "-1"),
        ("null", "null"),
        ("false", "false"),
        ('"32494003"', "32494003"),
        ('""', ""),
        (r'"a\/b=="', "a/b=="),
        ("  7 ", "7"),
    ],
)
def test_a_cursor_keeps_its_digits(written: str, token: str) -> None:
    body = f'{{"metadata": {{"root": "calls", "next_cursor": {written}}}, "calls": []}}'
    assert open_envelope(body.encode()).metadata.next_cursor == token


def test_the_captured_envelope_is_parsed() -> None:
    envelope = open_envelope(
        b'{"status":200,"metadata":{"in_progress_count":0,"company":"Acme","root":"calls","page":2,'
        b'"total_pages":1155,"per_page":25,"total_count":28833,"next_cursor":32494003,"params":{"page":"2"}},'
        b'"calls":[{"uuid":"a"}]}'
    )
    assert envelope.content == [{"uuid": "a"}]
    assert envelope.failure is None
    assert envelope.metadata == Metadata("32494003", 28833, 1155, 25, "Acme")


@pytest.mark.parametrize("root", ["calls", "numbers", "reports", "anything"])
def test_the_rows_are_under_the_root_that_the_metadata_names(root: str) -> None:
    body = f'{{"{root}": [{{"id": 1}}], "totals": [], "metadata": {{"root": "{root}"}}}}'
    assert open_envelope(body.encode()).content == [{"id": 1}]


@pytest.mark.parametrize(
    ("body", "content"),
    [
        ('[{"id": 1}]', [{"id": 1}]),
        (' \n[{"id": 1}]', [{"id": 1}]),
        ('{"status": 200, "stats": {"finished": 3}}', {"finished": 3}),
        ('{"finished": 3, "": 1}', {"finished": 3, "": 1}),
        ('{"status": 200, "stats": {}, "totals": {"a": 1}}', {"stats": {}, "totals": {"a": 1}}),
        ('{"call": {"id": 1}}', {"call": {"id": 1}}),
        ('{"status": 200, "errors": {}, "checksum": "d41d", "call": {"id": 1}}', {"id": 1}),
        ('{"status": 200, "metadata": {"root": "calls"}}', None),
        ('{"status": 200, "metadata": null, "calls": []}', []),
    ],
)
def test_without_a_named_root_the_content_is_the_remaining_key(body: str, content: object) -> None:
    envelope = open_envelope(body.encode())
    assert envelope.content == content
    assert envelope.metadata == Metadata()


@pytest.mark.parametrize(
    ("written", "status"), [("200", 200), ("422", 422), ('"422"', 422), (' "200" ', 200)]
)
def test_a_status_that_is_a_number_belongs_to_the_envelope(written: str, status: int) -> None:
    envelope = open_envelope(f'{{"status": {written}, "stats": {{"finished": 3}}}}'.encode())
    assert (envelope.failure and envelope.failure.status) == (None if status == 200 else status)
    assert envelope.content == {"finished": 3}


@pytest.mark.parametrize(
    "status", [{"finished": 3}, [["finished", 3]], "finished", "42", "4222", "", "²²²", None, True]
)
def test_any_other_status_is_content(status: object) -> None:
    envelope = open_envelope(encode({"status": status, "id": 5}))
    assert envelope.failure is None
    assert envelope.content == {"status": status, "id": 5}


def test_a_root_can_be_named_status() -> None:
    assert open_envelope(b'{"status": {"finished": 3}}').content == {"status": {"finished": 3}}
    assert open_envelope(b'{"status": {"finished": 3}, "metadata": {}}').content == {"finished": 3}


@pytest.mark.parametrize("body", [b'{"stats": {"finished": 3}, "status": 200}', b'{"finished": 3}'])
def test_a_byte_order_mark_is_ignored(body: bytes) -> None:
    assert open_envelope(b"\xef\xbb\xbf" + body).content == {"finished": 3}
    assert open_envelope(b'\xef\xbb\xbf[{"id": 5}]').content == [{"id": 5}]


def test_a_call_without_an_envelope_keeps_its_own_status() -> None:
    envelope = open_envelope(b'{"id": 1, "status": "finished", "buyer": null}')
    assert envelope.content == {"id": 1, "status": "finished", "buyer": None}
    assert envelope.failure is None


def test_the_status_and_errors_of_the_body_are_not_rows() -> None:
    envelope = open_envelope(b'{"status": 422, "errors": {"page": "is too high"}}')
    assert envelope.failure is not None
    assert envelope.failure.status == 422
    assert envelope.content == {}


def test_amounts_keep_their_digits() -> None:
    body = b'[{"cost": 0.07500000000000001, "revenue": 10.50, "hold": 0, "text": "0.0"}]'
    (row,) = open_envelope(body).content
    assert row == {
        "cost": Decimal("0.07500000000000001"),
        "revenue": Decimal("10.50"),
        "hold": 0,
        "text": "0.0",
    }
    assert [str(row["revenue"]), type(row["hold"])] == ["10.50", int]
    assert encode(row) == body.replace(b" ", b"")[1:-1]


def test_a_count_that_is_no_number_is_ignored() -> None:
    body = b'{"metadata": {"total_count": null, "total_pages": null, "per_page": "many"}, "calls": []}'
    assert open_envelope(body).metadata == Metadata()
    assert open_envelope(b'{"metadata": {"total_count": 3.0}, "calls": []}').metadata.total_count == 3


def test_a_count_as_text_is_parsed() -> None:
    body = b'{"metadata": {"total_count": "9", "total_pages": "2", "per_page": "5"}, "calls": []}'
    assert open_envelope(body).metadata == Metadata(None, 9, 2, 5)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b'{"calls": [{"id"',
        b"[1,",
        b"<html></html>",
        b"{'a': 1}",
        b"\xff\xfe",
        b'"\xff"',
        b'{"a": "x}',
        b'{"a": "}',
        b'{"a": NaN',
        b'[{"a": "\\ud800',
        b'{"a": "b\\"}',
        b"Internal Server Error",
    ],
)
def test_a_body_that_is_not_json_is_an_error(body: bytes) -> None:
    with pytest.raises(NotJson):
        open_envelope(body)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (rb'"a\ud800b"', "a\ufffdb"),
        (rb'"\udc00\ud83d"', "\ufffd\ufffd"),
        (rb'"\ud83d\ude00"', "\N{GRINNING FACE}"),
        (rb'"\\ud800"', r"\ud800"),
        (b'"caf\xe9"', "caf\ufffd"),
        (b'"a\tb\x00\x1f"', "a\tb\0\x1f"),
        (rb'"a\qb\u12"', r"a\qb\u12"),
        (b"NaN", "NaN"),
        (b"-Infinity", "-Infinity"),
        (b"1_000", "1_000"),
        (b"+5", "+5"),
        (b"0123", "0123"),
        (b"1" * 5000, "1" * 5000),
        (b"1e500000000", "1e500000000"),
        (b"1e-999999999", "1e-999999999"),
    ],
)
def test_a_value_that_is_not_quite_json_is_kept(written: bytes, value: str) -> None:
    body = b'{"calls": [{"uuid": "u", "n": 1.50, "odd": ' + written + b', "ok": true}]}'
    assert open_envelope(body).content == {
        "calls": [{"uuid": "u", "n": Decimal("1.50"), "odd": value, "ok": True}]
    }


def test_a_repaired_body_keeps_the_digits_of_its_cursor() -> None:
    body = b'{"metadata": {"root": "calls", "next_cursor": 1.50E+14}, "calls": [{"x": NaN}]}'
    assert open_envelope(body).metadata.next_cursor == "1.50E+14"


@pytest.mark.parametrize("depth", [5_000, 200_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_deeply_nested_json_is_no_answer(depth: int, opening: bytes, closing: bytes) -> None:
    with pytest.raises(NotAnAnswer, match="nested too deep"):
        open_envelope(opening * depth + b"1" + closing * depth)


@pytest.mark.parametrize("count", ["1e3000000", "-1", "2.5", "1e16", '"1,000"', '"many"', "NaN", "[1]"])
def test_a_total_count_that_is_no_count_is_no_answer(count: str) -> None:
    with pytest.raises(NotAnAnswer, match="total_count is not a count"):
        open_envelope(f'{{"metadata": {{"total_count": {count}}}, "calls": []}}'.encode())


@pytest.mark.parametrize("count", ["null", "false", '""'])
def test_an_empty_total_count_is_unknown(count: str) -> None:
    body = f'{{"metadata": {{"total_count": {count}}}, "calls": []}}'
    assert open_envelope(body.encode()).metadata.total_count is None
