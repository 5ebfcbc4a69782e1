"""People's tables and logs in, platform folders in and out."""

from allocator.tables.credibility import Credibility
from allocator.tables.errors import TableError
from allocator.tables.folders import read_platform, write_platform, write_platforms
from allocator.tables.pairs import Pairs
from allocator.tables.reading import Reading, read_log, read_tables

__all__ = [
    "Credibility",
    "Pairs",
    "Reading",
    "TableError",
    "read_log",
    "read_platform",
    "read_tables",
    "write_platform",
    "write_platforms",
]
