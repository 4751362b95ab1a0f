"""The SQL of this package: a file is one query, and its first line says what it is about.

Which queries there are decides their folder. What is done with one is the affair of whoever asks for them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template


@dataclass(frozen=True)
class Query:
    """One query.

    Attributes:
        description: Its first line.
        sql: The rest, with `${…}` where something of the lake is still to be put in.
    """

    description: str
    sql: str


@cache
def queries_in(folder: str) -> Mapping[str, Query]:
    """The queries of a folder of this one, by name.

    A part that several share, in the folder `parts` of theirs, stands where they say `${part}`; and a part of
    parts, where those say it.
    """
    here = files(__package__) / "sql" / folder
    parts = {file.name.removesuffix(".sql"): file.read_text("utf-8") for file in (here / "parts").iterdir()}
    bodies = {name: text.partition("\n")[2].strip() for name, text in parts.items()}
    shared = {name: Template(body).safe_substitute(bodies) for name, body in bodies.items()}
    found = {}
    for file in here.iterdir():
        if file.name.endswith(".sql"):
            description, _, sql = file.read_text("utf-8").partition("\n")
            found[file.name.removesuffix(".sql")] = Query(
                description.removeprefix("-- "), Template(sql).safe_substitute(shared)
            )
    return found
