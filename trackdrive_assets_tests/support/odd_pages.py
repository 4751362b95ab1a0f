"""Random pages of calls as JSON text: usual ones, and ones with every odd value that a server could write."""

from collections.abc import Iterator
from random import Random

_USUAL = {
    "text": ['"1070"', '"Zo\u00eb"', '"Auto &amp; Home"', '""', "null", '"+17195550123"'],
    "integer": ["10455172", "0", "-1", "null", "9223372036854775807"],
    "number": ["0", "74.0", "0.0", "3.8916211128234863", "0.07500000000000001", "10.5", "null", "-0.0", "98"],
    "flag": ['"Converted"', '"Repeat"', "null", '"Not Converted"', '""', "true"],
    "instant": ['"2024-06-28T21:41:35.977+00:00"', '"2024-06-28T21:41:35Z"', "null"],
    "required instant": ['"2024-06-28T21:41:35.977+00:00"', '"2016-01-01 12:25:15 -0500"'],
}  # fmt: skip
_KEYS = {
    "text": [
        "name", "offer", "buyer", "user_buyer_id", "status", "sub_id", "token-zip", "token-a\\\"b", "mood",
    ],
    "integer": ["id", "offer_id", "buyer_id", "ring_pool_id", "outgoing_webhooks_count", "weather"],
    "number": [
        "revenue", "payout", "provider_cost", "total_duration", "hold_duration", "aura", "token-price",
    ],
    "flag": ["buyer_converted", "buyer_repeat_caller", "traffic_source_converted"],
    "instant": ["ended_at", "updated_at", "deleted_at"],
}  # fmt: skip
NUMBER_TEXTS = [
    "1.0", "1.50", "2.5e-6", "1e5", "1E-2", "-1.5E+07", "0e999", "0e-100", "1e-38", "1e-39", "1.5e-37",
    "1e-100", "1e22", "1e99", "1e100", "5e-324", "1.7976931348623157e308", "1e3000000", "1e-999999999",
    "1." + "0" * 36, "1." + "0" * 60, "0." + "0" * 37 + "1", "0." + "1" * 38, "0." + "1" * 39,
    "0." + "0" * 30 + "5", "123456789.123456789", "123456789012345678.123456789012345678",
    "0.1000000000000000055511151231257827", "999999999999.999999", "999999999999.9999995",
    "1000000000000.0", "9007199254740993.0", "0.0000005",
    "0.0000015", "-0.0000025", "0.00000050000000000000000001", "-0.0",
]  # fmt: skip
"""Numbers of JSON that are not integers: usual, long, close to a limit, and too large to compute with."""

_INTEGERS = ["1000000000000", "9007199254740993", "18446744073709551616", "-9223372036854775809", "9" * 39]
_INSTANTS = [
    '"9999-12-31T23:59:59-05:00"', '"0001-01-01T00:00:00+05:00"', '"10000-01-01T00:00:00Z"', '"2024-03-28"',
    '"2024-03-28 15:16:49 UTC"', '"2024-03-28T15:16:49.123456789+05:30"', '"2024-03-28T15:16:49+0530"',
    '"2024-03-28T24:00:00Z"', '"2024-03-28T15:16:60Z"', '"24-03-28T15:16:49Z"',
]  # fmt: skip
_OTHERS = [
    "true", "false", "[]", "{}", "[1.50]", '{"a": 1.5, "b": [2.0]}', '"10.50"', '" 10.50 "', '"1e2"',
    '"1_000"', '"+1"', '"nan"', "NaN", "Infinity", "+5", "1_000", ".5", '"Duplicate"', '"yes"',
    '" CONVERTED "',
    '"1"', '"geo=1&region=us&amp;copy=1"', '"&amp;lt;&#39;"', '"\\ud800"', '"\\u0000"', '"a\tb"', '"\\q"',
    "[" * 120 + "]" * 120, '"x"', "2", "-1", "0", "1", "null",
]  # fmt: skip
_ODD = [*NUMBER_TEXTS, *_INTEGERS, *_INSTANTS, *_OTHERS]
_ODD_OF_KIND = {
    "required instant": _INSTANTS,
    "number": NUMBER_TEXTS,
    "integer": _INTEGERS,
    "instant": _INSTANTS,
    "text": _INSTANTS,
    "flag": _OTHERS,
}


def pages(seed: int, count: int) -> Iterator[bytes]:
    """Yield bodies of pages. Neighbours have similar keys, as the pages of an account have."""
    random = Random(seed)  # noqa: S311  # synthetic calls, no secret
    kinds = _draw_kinds(random)
    for _ in range(count):
        if random.random() < 0.05:
            kinds = _draw_kinds(random)
        oddness = random.choice([0, 0, 0.002, 0.005, 0.02])
        rows = ",".join(_row(random, kinds, oddness) for _ in range(random.choice([0, 1, 2, 5, 12])))
        yield f'{{"status":200,"metadata":{{"root":"calls","total_count":3}},"calls":[{rows}]}}'.encode()


def _draw_kinds(random: Random) -> dict[str, str]:
    kinds = {key: kind for kind, keys in _KEYS.items() for key in keys if random.random() < 0.6}
    return {"uuid": "uuid", "created_at": "required instant", **kinds}


def _row(random: Random, kinds: dict[str, str], oddness: float) -> str:
    fields = []
    for key, kind in kinds.items():
        if random.random() < oddness * 2:
            continue
        fields.append(f'"{key}":{_value(random, kind, oddness)}')
        if random.random() < oddness / 10:
            fields.append(f'"{key}":{_value(random, kind, oddness)}')
    if random.random() < oddness:
        fields.append(f'"new-{random.randrange(3)}":{random.choice(_ODD)}')
    return f"{{{','.join(fields)}}}"


def _value(random: Random, kind: str, oddness: float) -> str:
    if kind == "uuid":
        return f'"uuid-{random.randrange(10**9)}"'
    if random.random() >= oddness:
        return random.choice(_USUAL[kind])
    return random.choice(_ODD_OF_KIND[kind] if random.random() < 0.8 else _ODD)
