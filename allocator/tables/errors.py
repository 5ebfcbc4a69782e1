"""What is refused is refused in one sentence, whoever noticed it first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

REMEDY = "check it, or convert it and try again"


class TableError(ValueError):
    """A table or folder that cannot be used: one sentence naming the culprit and the remedy."""


@contextmanager
def readable(name: str, remedy: str) -> Iterator[None]:
    """Turn what pyarrow and the operating system say about ``name`` into one sentence."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeError, TypeError, LookupError) as error:
        said = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise TableError(f"{name} cannot be read ({said}); {remedy}") from None
