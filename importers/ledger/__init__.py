"""One SQLite file per campaign: what was planned, paid, stored, scored, pushed and decided."""

from importers.ledger.ledger import Ledger

__all__ = ["Ledger"]
