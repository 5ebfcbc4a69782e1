"""The small words of messages: lists of ids, nearest names, quantities."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggestion(name: object, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the known name nearest to ``name``, or an empty string."""
    nearest = difflib.get_close_matches(str(name), list(known), n=1)
    return f" (did you mean '{nearest[0]}'?)" if nearest else ""


def called(thing: object) -> str:
    """The word for anything that somebody passed: the name of a rule, of a class or function, or the thing itself."""
    name = None if isinstance(thing, type) else getattr(thing, "name", None)
    return str(name or getattr(thing, "__name__", None) or thing)


def some(ids: Iterable, limit: int = 5) -> str:
    """Write the first ids of a list and how many more there are, for error messages."""
    ids = list(ids)
    text = ", ".join(str(i) for i in ids[:limit])
    return text + (f" and {len(ids) - limit:,} more" if len(ids) > limit else "")


def quantity(amount: float) -> str:
    """Write an amount for people: thousands separated, about six digits, powers of ten only where they are needed.

    >>> quantity(1428571.4), quantity(0.25), quantity(3e-9), quantity(2e18)
    ('1,428,571', '0.25', '3e-09', '2e+18')
    """
    return f"{amount:,.0f}" if 1e5 <= abs(amount) < 1e15 else f"{amount:,.6g}"
