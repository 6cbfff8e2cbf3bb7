"""Cells of CSV files that a spreadsheet would take for formulas, and taking the guard off again."""

import re

# Also behind blanks and quotes, which spreadsheets take away.
_FORMULA = re.compile(r"""[\s'"]*[=+\-@\t\r]""")
_NUMBER = re.compile(r"-?\d+([.,]\d+)?")


def cell_escape(text: str) -> str:
    """The text as a cell that no spreadsheet runs; negative numbers stay numbers."""
    return f"'{text}" if _is_formula(text) else text


def cell_unescape(cell: str) -> str:
    """What ``cell_escape`` was given."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell[1:]) else cell


def _is_formula(text: str) -> bool:
    return _FORMULA.match(text) is not None and _NUMBER.fullmatch(text) is None
