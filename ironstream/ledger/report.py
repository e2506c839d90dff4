"""What a ledger says, for programs. Pure."""

from __future__ import annotations

from typing import Any

from ironstream.ledger.book import Account, Book
from ironstream.ledger.stored import Stored


def as_json(book: Book) -> dict[str, Any]:
    """The book for programs."""
    accounts = [_account(account) for account in accounts_of(book)]
    unnamed = book.unnamed
    return {
        "explained": book.explained,
        "series": accounts,
        "unreadable": {
            "raw": unnamed.raw,
            "refused": unnamed.refused,
            "expired": unnamed.expired,
            "pending": unnamed.pending,
            "unexplained": list(map(place_text, unnamed.unexplained)),
        },
    }


def _account(account: Account) -> dict[str, Any]:
    return {
        "asset": account.asset,
        "parameter": account.parameter,
        "sent": account.sent,
        "unnumbered": account.unnumbered,
        "raw": account.raw,
        "clean": account.clean,
        "duplicate": account.duplicate,
        "refused": account.refused,
        "expired": account.expired,
        "pending": account.pending,
        "overflow": account.overflow,
        "missing": account.missing,
        "unexplained": list(map(place_text, account.unexplained)),
        "stores": {sink_id: _stored(stored) for sink_id, stored in account.stores.items()},
        "runs": [
            {"boot": boot, "highest_seq": run.high, "holes": account.holes.get(boot, [])}
            for boot, run in account.runs.items()
        ],
    }


def _stored(stored: Stored) -> dict[str, Any]:
    return {
        "stored": stored.stored,
        "waiting": stored.waiting,
        "refused": stored.refused,
        "expired": stored.expired,
        "missing": stored.missing,
        "doubled": stored.doubled,
        # of many that are missing or doubled the first ones
        "missing_records": list(map(place_text, stored.missing_places)),
        "doubled_records": list(map(place_text, stored.doubled_places)),
    }


def accounts_of(book: Book) -> list[Account]:
    """Every series, by name."""
    return [book.accounts[name] for name in sorted(book.accounts)]


def place_text(place: tuple[int, int]) -> str:
    """A record of telemetry.raw, as people write it."""
    return f"telemetry.raw/{place[0]}/{place[1]}"
