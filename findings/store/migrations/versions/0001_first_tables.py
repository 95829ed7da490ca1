"""First tables.

Revision: 0001
After: none
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from findings.store import native

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _asset()
    _asset_external_id()
    _survey()
    _image()
    _model_run()
    _finding()
    _audit()
    if op.get_bind().dialect.name == "sqlite":
        statements = (native.SQLITE_TREE, *native.SQLITE_TRIGGERS.values())
    else:
        statements = (
            native.POSTGRESQL_EXTENSION,
            *native.POSTGRESQL_GEOMETRY,
            native.POSTGRESQL_FUNCTION,
            *native.POSTGRESQL_TRIGGERS.values(),
        )
    for statement in statements:
        op.get_bind().exec_driver_sql(statement)


def _asset() -> None:
    op.create_table(
        "asset",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("structure", sa.Text(), nullable=False),
        sa.Column("geom", sa.LargeBinary(), nullable=True),
        sa.Column("spans", sa.JSON(), nullable=False),
        sa.Column("chainage_from_km", sa.Double(), nullable=True),
        sa.Column("chainage_to_km", sa.Double(), nullable=True),
        sa.Column("soundness", sa.Text(), nullable=True),
        sa.Column("external_ids", sa.JSON(), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_asset"),
        sa.UniqueConstraint("uid", name="uq_asset_uid"),
    )


def _asset_external_id() -> None:
    op.create_table(
        "asset_external_id",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("asset_uid", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["asset_uid"], ["asset.uid"], name="fk_asset_external_id_asset_uid"),
        sa.PrimaryKeyConstraint("id", name="pk_asset_external_id"),
        sa.UniqueConstraint("asset_uid", "system", name="uq_asset_external_id_asset_uid_system"),
    )
    op.create_index("ix_asset_external_id_value", "asset_external_id", ["value"], unique=False)


def _survey() -> None:
    op.create_table(
        "survey",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("asset_uid", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["asset_uid"], ["asset.uid"], name="fk_survey_asset_uid"),
        sa.PrimaryKeyConstraint("id", name="pk_survey"),
        sa.UniqueConstraint("name", name="uq_survey_name"),
        sa.UniqueConstraint("uid", name="uq_survey_uid"),
    )
    op.create_index("ix_survey_asset_uid", "survey", ["asset_uid"], unique=False)


def _image() -> None:
    op.create_table(
        "image",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("survey_uid", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("width_px", sa.Integer(), nullable=False),
        sa.Column("height_px", sa.Integer(), nullable=False),
        sa.Column("band_names", sa.JSON(), nullable=False),
        sa.Column("scale", sa.JSON(), nullable=False),
        sa.Column("quality", sa.JSON(), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("footprint", sa.LargeBinary(), nullable=True),
        sa.Column("crs", sa.Text(), nullable=True),
        sa.Column("transform", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("incidence_deg", sa.Double(), nullable=True),
        sa.Column("platform", sa.Text(), nullable=True),
        sa.Column("span", sa.Integer(), nullable=True),
        sa.Column("member", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["survey_uid"], ["survey.uid"], name="fk_image_survey_uid"),
        sa.PrimaryKeyConstraint("id", name="pk_image"),
        sa.UniqueConstraint("survey_uid", "sha256", name="uq_image_survey_uid_sha256"),
        sa.UniqueConstraint("uid", name="uq_image_uid"),
    )


def _model_run() -> None:
    op.create_table(
        "model_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("image_uid", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("weights_sha256", sa.Text(), nullable=False),
        sa.Column("code_version", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["image_uid"], ["image.uid"], name="fk_model_run_image_uid"),
        sa.PrimaryKeyConstraint("id", name="pk_model_run"),
        sa.UniqueConstraint("image_uid", "digest", name="uq_model_run_image_uid_digest"),
    )


def _finding() -> None:
    op.create_table(
        "finding",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("survey_uid", sa.Text(), nullable=False),
        sa.Column("image_uid", sa.Text(), nullable=False),
        sa.Column("asset_uid", sa.Text(), nullable=True),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("damage", sa.Text(), nullable=False),
        sa.Column("grade", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("measures", sa.JSON(), nullable=False),
        sa.Column("scale", sa.JSON(), nullable=False),
        sa.Column("geom_px", sa.LargeBinary(), nullable=False),
        sa.Column("geom", sa.LargeBinary(), nullable=True),
        sa.Column("minx", sa.Double(), nullable=True),
        sa.Column("miny", sa.Double(), nullable=True),
        sa.Column("maxx", sa.Double(), nullable=True),
        sa.Column("maxy", sa.Double(), nullable=True),
        sa.Column("position_source", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("provenance", sa.JSON(), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("span", sa.Integer(), nullable=True),
        sa.Column("member", sa.Text(), nullable=True),
        sa.Column("element_no", sa.Text(), nullable=True),
        sa.Column("side", sa.Text(), nullable=True),
        sa.Column("taxonomy_version", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("final_grade", sa.Text(), nullable=True),
        sa.Column("section_rank", sa.Integer(), nullable=False),
        sa.Column("rank_key", sa.Double(), nullable=False),
        sa.Column("priority", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(["asset_uid"], ["asset.uid"], name="fk_finding_asset_uid"),
        sa.ForeignKeyConstraint(["image_uid"], ["image.uid"], name="fk_finding_image_uid"),
        sa.ForeignKeyConstraint(["survey_uid"], ["survey.uid"], name="fk_finding_survey_uid"),
        sa.PrimaryKeyConstraint("id", name="pk_finding"),
        sa.UniqueConstraint("uid", name="uq_finding_uid"),
    )
    op.create_index("ix_finding_asset_uid", "finding", ["asset_uid"], unique=False)
    op.create_index("ix_finding_image_model", "finding", ["image_uid", "model"], unique=False)
    op.create_index("ix_finding_rank", "finding", ["section_rank", "rank_key", "id"], unique=False)
    op.create_index("ix_finding_survey_rank", "finding", ["survey_uid", "section_rank", "rank_key", "id"], unique=False)


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("entity_uid", sa.Text(), nullable=False),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("after", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("prev_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sa.UniqueConstraint("prev_hash", name="uq_audit_prev_hash"),
    )
    op.create_index("ix_audit_entity_uid", "audit", ["entity_uid"], unique=False)
