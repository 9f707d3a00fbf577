"""The schema of the store as numbered steps, in words that SQLite and PostgreSQL both understand.

A step that was released is never changed; a new one is added below it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the schema."""

    number: int
    says: str
    statements: tuple[str, ...]


STEPS = (
    Step(
        1,
        "treatment-center registry",
        (
            """CREATE TABLE registry_versions (
                number INTEGER PRIMARY KEY,
                made_at TEXT NOT NULL,
                made_on DATE NOT NULL,
                change TEXT NOT NULL,
                source TEXT NOT NULL,
                file_name TEXT NOT NULL,
                file_sha256 TEXT NOT NULL,
                row_count INTEGER NOT NULL
            )""",
            """CREATE TABLE registry_rows (
                version INTEGER NOT NULL REFERENCES registry_versions (number),
                product TEXT NOT NULL,
                npi TEXT NOT NULL,
                facility_name TEXT NOT NULL,
                evidence_kind TEXT NOT NULL,
                evidence_url TEXT NOT NULL,
                checked_on DATE NOT NULL,
                checked_by TEXT NOT NULL,
                valid_until DATE,
                rems_enrolled_from DATE,
                rems_enrolled_to DATE,
                staff_trained_on DATE,
                fact_accredited_until DATE,
                synthetic BOOLEAN NOT NULL,
                source TEXT NOT NULL,
                file_sha256 TEXT NOT NULL,
                PRIMARY KEY (version, product, npi)
            )""",
        ),
    ),
    Step(
        2,
        "tokens that were used",
        (
            """CREATE TABLE used_tokens (
                token TEXT PRIMARY KEY,
                expires_at BIGINT NOT NULL
            )""",
            "CREATE INDEX used_tokens_by_expiry ON used_tokens (expires_at)",
        ),
    ),
)
