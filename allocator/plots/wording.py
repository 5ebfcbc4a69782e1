"""What columns are called on an axis, with their units."""

from __future__ import annotations

from collections.abc import Mapping

WORDS = {
    "period": "Period",
    "gmv": "GMV (RMB per period)",
    "gmv_public": "GMV of public traffic (RMB per period)",
    "gmv_private": "GMV of private traffic (RMB per period)",
    "exposure": "Public impressions served (per period)",
    "private": "Private impressions (per period)",
    "supply": "Public impressions to hand out (per period)",
    "present": "Anchors who are there (number)",
    "left": "Anchors who leave (number per period)",
    "came": "Anchors who come (number per period)",
    "survivors": "Anchors of the start still there (share)",
    "newcomers": "Newcomers who are there (number)",
    "newcomers_left": "Newcomers who leave (number per period)",
    "gini": "Gini coefficient of public impressions",
    "hhi": "HHI of public impressions",
    "top_share": "Share of the top 1 % of anchors (share of impressions)",
    "fans": "Fans of all anchors (number)",
    "demand": "Demand that is left (share of the start)",
    "fans_carried": "Fans carried to rivals (number)",
    "bought": "Impressions bought by teams (per period)",
    "promotion": "Spent on promotion (RMB per period)",
    "capital": "Capital of teams (RMB)",
    "relative_gap": "Gap proved (share of the objective)",
    "relaxed": "Rules were changed (1: yes)",
    "failed": "No flow was found (1: yes)",
}
"""The columns of trajectories; a period is whatever the platform's supply is counted in, a day by default."""


def words_for(column: str, own: Mapping[str, str] | None) -> str:
    """One's own words for a column, else those of `WORDS`, else its name."""
    return (own or {}).get(column) or WORDS.get(column, column.replace("_", " "))
