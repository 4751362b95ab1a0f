"""The Arrow types of columns. In `columns`, a type is only its name, because Arrow is slow to import."""

import pyarrow as pa

INSTANT = pa.timestamp("us", tz="UTC")
MONEY = pa.decimal128(18, 6)
SUM_OF_MONEY = pa.decimal128(38, 6)
SECONDS = pa.float64()
BOOLEAN = pa.bool_()
INTEGER = pa.int64()
TEXT = pa.string()
TOKENS = pa.map_(TEXT, TEXT)
DAY = pa.date32()

ARROW_TYPES = {
    str(type_): type_
    for type_ in (INSTANT, MONEY, SUM_OF_MONEY, SECONDS, BOOLEAN, INTEGER, TEXT, TOKENS, DAY)
}
"""Each type by its name in Arrow."""
