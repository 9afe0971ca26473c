"""A fleet out of one station: its rows are copied in the database, which is faster than telling them all."""

TEMPLATE = "template"


def clone(number: int) -> str:
    """The identity of a copy; the first has number 1."""
    return f"clone-{number}"


def copies(table: str, columns: list[str], stations: int, *, connected: bool = True) -> str:
    """A statement that copies the template's rows of a table, so that there are so many stations with it.

    The copies are marked as connected, as a server that was killed leaves them.
    """
    copied = {"identity": "'clone-' || n.i", "transaction_id": "'clone-' || n.i", "number": "t.number + n.i"}
    copied["connected"] = "true" if connected else "false"
    if table == "reading":
        copied["source"] = "'clone-' || n.i"
    names = ", ".join(f'"{column}"' for column in columns)
    values = ", ".join(copied.get(column, f't."{column}"') for column in columns)
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {stations - 1})"
    return (
        f'{numbers} INSERT INTO "{table}" ({names}) SELECT {values} FROM "{table}" t, n '
        f"WHERE t.identity = '{TEMPLATE}'"
    )
