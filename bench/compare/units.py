"""Figures for people."""

from .results import Spread


def number(value: float, unit: str) -> str:
    """A figure without its unit, as exact as it makes sense."""
    if unit == "/s":
        return significant(value)
    if unit == "B":
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"


def significant(value: float) -> str:
    """A rate: three digits, or one decimal where it is small."""
    if value < 100:
        return f"{value:.1f}"
    magnitude = 10 ** max(0, len(str(int(value))) - 3)
    return f"{round(value / magnitude) * magnitude:,.0f}"


def with_spread(spread: Spread, unit: str) -> str:
    """`7.1 (6.9 to 7.4)`; one round has no spread."""
    median = number(spread.median, unit)
    if spread.count == 1:
        return median
    return f"{median} ({number(spread.low, unit)} to {number(spread.high, unit)})"


def factor(spread: Spread) -> str:
    if spread.count == 1:
        return f"{spread.median:.2f}"
    return f"{spread.median:.2f} ({spread.low:.2f} to {spread.high:.2f})"
