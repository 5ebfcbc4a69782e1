"""The public tables that some experiments read, as graphs of buyers and sellers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import allocator
from _lab import Row

PAID = "Quantity > 0 and UnitPrice > 0 and not missing(CustomerID)"
"""The usual clean view of UCI Online Retail: no cancellations, gifts or unknown customers."""
RETAIL = {"log": "uci_online_retail", "money": "Quantity * UnitPrice", "where": PAID, "currency": "GBP"}
JOURNEY = {"log": "complete_journey_transactions_sample", "money": "sales_value", "currency": "USD"}
PRODUCTS = "complete_journey_products"
MARKETS: dict[str, dict[str, str]] = {
    "uci_country_product": RETAIL | {"segment": "Country", "anchor": "StockCode"},
    "uci_customer_product": RETAIL | {"segment": "CustomerID", "anchor": "StockCode"},
    "cj_household_store": JOURNEY | {"segment": "household_id", "anchor": "store_id"},
    "cj_household_manufacturer": JOURNEY | {"segment": "household_id", "anchor": "manufacturer_id", "join": PRODUCTS},
}
"""Four graphs of two public tables of sales: UCI Online Retail (Chen 2015) and The Complete Journey (84.51°)."""
NAMES = {
    "uci_country_product": "UCI, country and product",
    "uci_customer_product": "UCI, customer and product",
    "cj_household_store": "CJ, household and store",
    "cj_household_manufacturer": "CJ, household and manufacturer",
}
BASKETS = {"uci_online_retail": "InvoiceNo", "complete_journey_transactions_sample": "basket_id"}


def read_market(folder: Path, name: str, **options: Any) -> allocator.tables.Reading:
    """Read one of `MARKETS` from the folder of public tables; a product without a manufacturer is left out."""
    table = dict(MARKETS[name])
    log, join = folder / f"{table.pop('log')}.parquet", table.pop("join", None)
    if join is not None:
        options |= {"join": [(folder / f"{join}.parquet", "product_id")], "invalid": "drop"}
    return allocator.read_log(log, period="year", **table, **options)


def public_tables(folder: Path | None, otherwise: str) -> Path | None:
    """The folder of public tables if all of them are there, else None and a sentence on stderr, ending in what then."""
    needed = dict.fromkeys(table[key] for table in MARKETS.values() for key in ("log", "join") if key in table)
    lacking = [f"{name}.parquet" for name in needed if folder is None or not (folder / f"{name}.parquet").exists()]
    if not lacking:
        return folder
    why = "neither --data nor ALLOCATOR_DATA names their folder"
    why = why if folder is None else f"{folder} lacks {', '.join(lacking)}"
    print(f"The public tables are not there: {why}. {otherwise}", file=sys.stderr)
    return None


def markets_of(rows: Sequence[Row], order: Sequence[str]) -> list[str]:
    """The markets that rows tell of, those of ``order`` alone and in its order."""
    there = {row.get("market") for row in rows}
    return [market for market in order if market in there]
