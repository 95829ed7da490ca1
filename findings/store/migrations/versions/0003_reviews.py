"""Reviews: what people decided about findings and pictures, append-only.

Revision: 0003
After: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from findings.store import native

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "review",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("finding_uid", sa.Text(), nullable=False),
        sa.Column("image_uid", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("geom_px", sa.LargeBinary(), nullable=True),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("final_grade", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("external_ids", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["finding_uid"], ["finding.uid"], name="fk_review_finding_uid"),
        sa.ForeignKeyConstraint(["image_uid"], ["image.uid"], name="fk_review_image_uid"),
        sa.PrimaryKeyConstraint("id", name="pk_review"),
        sa.UniqueConstraint("uid", name="uq_review_uid"),
    )
    op.create_index("ix_review_finding_uid", "review", ["finding_uid"], unique=False)
    op.create_index("ix_review_image_uid", "review", ["image_uid"], unique=False)
    op.create_table(
        "picture_review",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("image_uid", sa.Text(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["image_uid"], ["image.uid"], name="fk_picture_review_image_uid"),
        sa.PrimaryKeyConstraint("id", name="pk_picture_review"),
        sa.UniqueConstraint("uid", name="uq_picture_review_uid"),
    )
    op.create_index("ix_picture_review_image_uid", "picture_review", ["image_uid"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        statements = tuple(native.SQLITE_REVIEW_TRIGGERS.values())
    else:
        statements = (native.POSTGRESQL_REVIEW_FUNCTION, *native.POSTGRESQL_REVIEW_TRIGGERS.values())
    for statement in statements:
        op.get_bind().exec_driver_sql(statement)
