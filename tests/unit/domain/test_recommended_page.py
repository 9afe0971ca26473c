"""docs/device-model.md shows the table that is used."""

from pathlib import Path

from csms.domain.recommended import recommended

PAGE = Path(__file__).parents[3] / "docs" / "device-model.md"


def test_the_page_is_the_table() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")][2:]
    names = [
        (one, f"{one.variable}[{one.instance}]" if one.instance else one.variable) for one in recommended()
    ]
    assert rows == [f"| {one.component} | {name} | {one.wish} | {one.why} |" for one, name in names]
