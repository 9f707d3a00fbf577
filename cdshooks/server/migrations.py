"""The schema of the store as numbered steps, in words that SQLite and PostgreSQL both understand.

A step that was released is never changed; a new one is added below it. What only one of the two understands
stands apart.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the schema."""

    number: int
    says: str
    statements: tuple[str, ...]
    sqlite: tuple[str, ...] = ()
    postgresql: tuple[str, ...] = ()

    def statements_for(self, dialect: str) -> tuple[str, ...]:
        """All statements for one of the two, in order."""
        return self.statements + (self.sqlite if dialect == "sqlite" else self.postgresql)


_KEPT = ("decisions", "calls", "answers", "feedback", "ledger")


def _kept_by_sqlite(table: str) -> str:
    return (
        f"CREATE TRIGGER {table}_kept BEFORE UPDATE ON {table}"
        f" BEGIN SELECT RAISE(ABORT, 'what was recorded is never changed'); END"
    )


def _kept_by_postgresql(table: str) -> str:
    return (
        f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


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
    Step(
        3,
        "decisions, calls, feedback and their ledger",
        (
            "CREATE TABLE store_keys (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
            """CREATE TABLE decisions (
                id TEXT NOT NULL,
                content_sha256 TEXT NOT NULL,
                made_at TEXT NOT NULL,
                client TEXT NOT NULL,
                patient TEXT NOT NULL,
                card TEXT NOT NULL,
                order_reference TEXT NOT NULL,
                product TEXT NOT NULL,
                policy TEXT NOT NULL,
                gaps TEXT NOT NULL,
                content TEXT NOT NULL,
                PRIMARY KEY (id, content_sha256)
            )""",
            "CREATE INDEX decisions_by_card ON decisions (card)",
            "CREATE INDEX decisions_by_patient ON decisions (patient)",
            "CREATE INDEX decisions_by_time ON decisions (made_at)",
            """CREATE TABLE calls (
                id TEXT PRIMARY KEY,
                request TEXT NOT NULL,
                at TEXT NOT NULL,
                client TEXT NOT NULL,
                shadow BOOLEAN NOT NULL,
                service TEXT NOT NULL,
                hook TEXT NOT NULL,
                hook_instance TEXT,
                criteria_id TEXT,
                user_reference TEXT,
                patient TEXT NOT NULL,
                request_sha256 TEXT NOT NULL,
                fetched_sha256 TEXT,
                rosters_version INTEGER NOT NULL
            )""",
            "CREATE INDEX calls_by_time ON calls (at)",
            """CREATE TABLE answers (
                call TEXT NOT NULL,
                decision TEXT NOT NULL,
                content_sha256 TEXT NOT NULL,
                shown BOOLEAN NOT NULL,
                PRIMARY KEY (call, decision)
            )""",
            "CREATE INDEX answers_by_decision ON answers (decision)",
            """CREATE TABLE feedback (
                id TEXT PRIMARY KEY,
                received_at TEXT NOT NULL,
                client TEXT NOT NULL,
                service TEXT NOT NULL,
                card TEXT NOT NULL,
                decision TEXT,
                outcome TEXT NOT NULL,
                at TEXT NOT NULL,
                reasons TEXT NOT NULL,
                suggestions TEXT NOT NULL,
                comment TEXT
            )""",
            "CREATE INDEX feedback_by_decision ON feedback (decision)",
            "CREATE INDEX feedback_by_time ON feedback (received_at)",
            """CREATE TABLE ledger (
                number INTEGER PRIMARY KEY,
                at TEXT NOT NULL,
                kind TEXT NOT NULL,
                entry TEXT NOT NULL,
                content_sha256 TEXT NOT NULL,
                sha256 TEXT NOT NULL
            )""",
        ),
        sqlite=tuple(map(_kept_by_sqlite, _KEPT)),
        postgresql=(
            """CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN RAISE EXCEPTION ''what was recorded is never changed''; END'""",
            *map(_kept_by_postgresql, _KEPT),
        ),
    ),
    Step(
        4,
        "dossiers, kept for a few days, and what people said in them",
        (
            """CREATE TABLE dossiers (
                id TEXT PRIMARY KEY,
                client TEXT NOT NULL,
                made_at TEXT NOT NULL,
                until DATE NOT NULL,
                content TEXT NOT NULL
            )""",
            "CREATE INDEX dossiers_by_last_day ON dossiers (until)",
            """CREATE TABLE dossier_entries (
                id TEXT PRIMARY KEY,
                dossier TEXT NOT NULL,
                at TEXT NOT NULL,
                kind TEXT NOT NULL,
                subject TEXT NOT NULL,
                name TEXT NOT NULL,
                words TEXT NOT NULL
            )""",
            "CREATE INDEX dossier_entries_by_dossier ON dossier_entries (dossier)",
        ),
    ),
    Step(
        5,
        "what was measured of each call",
        ("CREATE TABLE call_metrics (call TEXT PRIMARY KEY, content TEXT NOT NULL)",),
        sqlite=(_kept_by_sqlite("call_metrics"),),
        postgresql=(_kept_by_postgresql("call_metrics"),),
    ),
)
