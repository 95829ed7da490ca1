"""Defects of several sights, tracks between inspections, issued priority lists.

Revision: 0004
After: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # plain ADD COLUMN on both databases: a batch would rebuild the table on SQLite, and lose its triggers
    op.add_column("finding", sa.Column("defect_uid", sa.Text(), nullable=True))
    op.add_column("finding", sa.Column("leads", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.create_index("ix_finding_defect_uid", "finding", ["defect_uid"], unique=False)
    op.create_table(
        "track",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("survey_uid", sa.Text(), nullable=False),
        sa.Column("previous_survey_uid", sa.Text(), nullable=False),
        sa.Column("finding_uid", sa.Text(), nullable=True),
        sa.Column("previous_uid", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["survey_uid"], ["survey.uid"], name="fk_track_survey_uid"),
        sa.ForeignKeyConstraint(["previous_survey_uid"], ["survey.uid"], name="fk_track_previous_survey_uid"),
        sa.ForeignKeyConstraint(["finding_uid"], ["finding.uid"], name="fk_track_finding_uid"),
        sa.ForeignKeyConstraint(["previous_uid"], ["finding.uid"], name="fk_track_previous_uid"),
        sa.PrimaryKeyConstraint("id", name="pk_track"),
    )
    op.create_index("ix_track_surveys", "track", ["survey_uid", "previous_survey_uid"], unique=False)
    op.create_index("ix_track_finding_uid", "track", ["finding_uid"], unique=False)
    op.create_index("ix_track_previous_uid", "track", ["previous_uid"], unique=False)
    op.create_table(
        "issued_list",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_issued_list"),
        sa.UniqueConstraint("uid", name="uq_issued_list_uid"),
    )
    op.create_table(
        "issued_row",
        sa.Column("list_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("rank", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["issued_list.id"], name="fk_issued_row_list_id"),
        sa.PrimaryKeyConstraint("list_id", "rank", name="pk_issued_row"),
    )
