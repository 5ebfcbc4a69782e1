"""How to cite the package."""

from __future__ import annotations

TITLE = "allocator: fair and profitable distribution of live-commerce traffic, with certificates"
AUTHOR, YEAR = "The allocator developers", 2026


def bibtex(version: str) -> str:
    """A BibTeX entry for a version of the package."""
    entries = {"title": TITLE, "author": f"{{{AUTHOR}}}", "year": YEAR, "version": version}
    body = ",\n".join(f"  {name:7} = {{{entry}}}" for name, entry in entries.items())
    return f"@software{{allocator,\n{body}\n}}"
