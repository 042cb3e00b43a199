"""The pieces that reports in words are made of, with rich markup."""

from __future__ import annotations

from decimal import Decimal


def line(stage: str, text: str) -> str:
    """A line of a report: what it is about, and what there is to say."""
    return f"[bold]{stage:<10}[/] {text}"


def plain(text: object) -> str:
    """Text that may hold anything, with nothing in it taken for markup."""
    from rich.markup import escape

    return escape(str(text))


def dollars(amount: Decimal) -> str:
    """US dollars, with as many digits as tell small amounts apart."""
    if not amount or amount >= 1:
        return f"${amount:,.2f}"
    whole, _, parts = f"{amount:.4f}".partition(".")
    return f"${whole}.{parts.rstrip('0'):0<2}"


def count(number: int, noun: str) -> str:
    """A number and its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
