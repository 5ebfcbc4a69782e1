"""Four platforms made from public tables, found through the environment variable ALLOCATOR_DATA, and their optima."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from allocator.graph import Platform
from allocator.tables import read_tables

DATA = Path(os.environ["ALLOCATOR_DATA"]) if os.environ.get("ALLOCATOR_DATA") else None
GRAPHS = ("uci_country_product", "uci_customer_product", "cj_household_store", "cj_household_manufacturer")
needs_data = pytest.mark.skipif(DATA is None, reason="ALLOCATOR_DATA does not name the folder of public tables")


def reference(name: str) -> dict[str, Any]:
    """Published sizes and optima of one graph, from ``reference_lp.json``."""
    return json.loads((DATA / "reference_lp.json").read_text(encoding="utf-8"))["models"][name]


@cache
def uci_country_product() -> Platform:
    return _uci_graph("Country")


@cache
def uci_customer_product() -> Platform:
    return _uci_graph("CustomerID")


@cache
def cj_household_store() -> Platform:
    return _cj_graph(DATA / "complete_journey_transactions_sample.parquet", "store_id")


@cache
def cj_household_manufacturer() -> Platform:
    from pyarrow import parquet

    columns = ["household_id", "product_id", "sales_value"]
    sales = parquet.read_table(DATA / "complete_journey_transactions_sample.parquet", columns=columns)
    products = parquet.read_table(DATA / "complete_journey_products.parquet", columns=["product_id", "manufacturer_id"])
    return _cj_graph(sales.join(products, "product_id", join_type="inner"), "manufacturer_id")


def _cj_graph(sales: Any, anchor: str) -> Platform:
    return read_tables(sales, segment="household_id", anchor=anchor, money="sales_value", currency="USD", period="year")


def _uci_graph(segment: str) -> Platform:
    """Read the usual clean view: no cancellations, gifts or unknown customers."""
    from pyarrow import compute, parquet

    rows = parquet.read_table(DATA / "uci_online_retail.parquet")
    sold = compute.and_(compute.greater(rows["Quantity"], 0), compute.greater(rows["UnitPrice"], 0))
    rows = rows.filter(compute.and_(sold, rows["CustomerID"].is_valid()))
    rows = rows.append_column("money", compute.multiply(rows["Quantity"].cast("double"), rows["UnitPrice"]))
    return read_tables(rows, segment=segment, anchor="StockCode", money="money", currency="GBP", period="year")
