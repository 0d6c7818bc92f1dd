"""Tables of plain text."""

from typing import Any, List, Optional, Sequence


def table(
    rows: Sequence[Sequence[Any]],
    header: Optional[Sequence[str]] = None,
    indent: int = 0,
    width: Optional[int] = None,
) -> str:
    """
    Renders rows as aligned text: numbers to the right, all else to the left.

    # Parameters

    rows : `Sequence[Sequence[Any]]`
        Floats are shown with three digits after the point, integers with commas, `None` as nothing. All rows
        have equally many cells.
    header : `Sequence[str]`, optional (default = `None`)
        The columns' names.
    indent : `int`, optional (default = `0`)
        Spaces before each line.
    width : `int`, optional (default = `None`)
        Of the longest line: of the first column, the middle of what is too long is left out, but ten
        characters are kept.

    # Returns

    `str`
        Lines without a newline at the end. Empty if there is nothing to show.
    """
    lines: List[List[str]] = [] if header is None else [list(header)]
    lines += [[cell(value) for value in row] for row in rows]
    if not lines:
        return ""
    is_number = [
        bool(rows) and all(value is None or isinstance(value, (int, float)) for value in column)
        for column in zip(*rows, strict=True)
    ] or [False] * len(lines[0])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    if width is not None:
        excess = indent + sum(widths) + 2 * (len(widths) - 1) - width
        if excess > 0:
            widths[0] = max(widths[0] - excess, min(widths[0], 10))
    return "\n".join(
        (
            " " * indent
            + "  ".join(
                shortened(text, size).rjust(size) if right else shortened(text, size).ljust(size)
                for text, size, right in zip(line, widths, is_number, strict=True)
            )
        ).rstrip()
        for line in lines
    )


def cell(value: Any) -> str:
    """A value as a table shows it."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def shortened(text: str, size: int) -> str:
    """The text without its middle, if it is longer than `size`."""
    if len(text) <= size:
        return text
    kept = size - 1
    return f"{text[: kept // 2]}…{text[len(text) - (kept - kept // 2) :]}"
