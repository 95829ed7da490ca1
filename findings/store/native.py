"""What each database does in its own words: spatial index and append-only audit, as DDL.

The migrations run these statements, and run them again after a batch migration: on SQLite batch mode rebuilds the
table, and its triggers are gone afterwards. A statement that a migration has run never changes; its successor gets a
new name.
"""

from __future__ import annotations

SQLITE_TREE = "CREATE VIRTUAL TABLE finding_rtree USING rtree(id, minx, maxx, miny, maxy)"

SQLITE_TRIGGERS = {
    "finding_rtree_insert": """CREATE TRIGGER finding_rtree_insert AFTER INSERT ON finding WHEN new.minx IS NOT NULL
        BEGIN INSERT INTO finding_rtree VALUES (new.id, new.minx, new.maxx, new.miny, new.maxy); END""",
    "finding_rtree_update": """CREATE TRIGGER finding_rtree_update AFTER UPDATE OF id, minx, miny, maxx, maxy
        ON finding BEGIN DELETE FROM finding_rtree WHERE id = old.id;
        INSERT INTO finding_rtree SELECT new.id, new.minx, new.maxx, new.miny, new.maxy
        WHERE new.minx IS NOT NULL; END""",
    "finding_rtree_delete": """CREATE TRIGGER finding_rtree_delete AFTER DELETE ON finding
        BEGIN DELETE FROM finding_rtree WHERE id = old.id; END""",
    "audit_no_update": """CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END""",
    "audit_no_delete": """CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END""",
    # INSERT OR REPLACE deletes without firing delete triggers unless the connection asks for recursive triggers
    "audit_no_replace": """CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit
        WHEN EXISTS (SELECT 1 FROM audit WHERE id = new.id OR prev_hash = new.prev_hash)
        BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END""",
}

POSTGRESQL_EXTENSION = "CREATE EXTENSION IF NOT EXISTS postgis"

POSTGRESQL_GEOMETRY = (
    "ALTER TABLE finding ADD COLUMN geom_pg geometry(Geometry, 4326) "
    "GENERATED ALWAYS AS (ST_SetSRID(ST_GeomFromWKB(geom), 4326)) STORED",
    "CREATE INDEX ix_geom ON finding USING gist (geom_pg)",
)

POSTGRESQL_FUNCTION = """CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$"""

POSTGRESQL_TRIGGERS = {
    "audit_no_change": """CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit
        FOR EACH ROW EXECUTE FUNCTION audit_refuse()""",
    "audit_no_truncate": """CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit
        FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()""",
}

REVIEW_TABLES = ("review", "picture_review")

SQLITE_REVIEW_TRIGGERS = {
    f"{table}_no_{what.lower()}": f"""CREATE TRIGGER {table}_no_{what.lower()} BEFORE {what} ON {table}
        BEGIN SELECT RAISE(ABORT, 'reviews are append-only'); END"""
    for table in REVIEW_TABLES
    for what in ("UPDATE", "DELETE")
} | {
    f"{table}_no_replace": f"""CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}
        WHEN EXISTS (SELECT 1 FROM {table} WHERE id = new.id OR uid = new.uid)
        BEGIN SELECT RAISE(ABORT, 'reviews are append-only'); END"""  # noqa: S608  the names are ours
    for table in REVIEW_TABLES
}

POSTGRESQL_REVIEW_FUNCTION = """CREATE FUNCTION review_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'reviews are append-only'; END $$"""

POSTGRESQL_REVIEW_TRIGGERS = {
    f"{table}_no_change": f"""CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}
        FOR EACH ROW EXECUTE FUNCTION review_refuse()"""
    for table in REVIEW_TABLES
} | {
    f"{table}_no_truncate": f"""CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION review_refuse()"""
    for table in REVIEW_TABLES
}
