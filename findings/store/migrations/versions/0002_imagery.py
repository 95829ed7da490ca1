"""What imagery knows of a picture (assignment, radiometry, mask, view), and where bridges cross rivers.

Revision: 0002
After: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # plain ADD COLUMN on both databases: a batch would rebuild the table on SQLite, and lose its triggers
    op.add_column("image", sa.Column("assignment", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("image", sa.Column("radiometry", sa.Text(), nullable=False, server_default="unknown"))
    op.add_column("image", sa.Column("mask_path", sa.Text(), nullable=True))
    op.add_column("image", sa.Column("view", sa.JSON(none_as_null=True), nullable=True))
    op.create_table(
        "crossing",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("bridge_uid", sa.Text(), nullable=False),
        sa.Column("river_uid", sa.Text(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("pier_in_channel", sa.Text(), nullable=False),
        sa.Column("distance_m", sa.Double(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["bridge_uid"], ["asset.uid"], name="fk_crossing_bridge_uid"),
        sa.ForeignKeyConstraint(["river_uid"], ["asset.uid"], name="fk_crossing_river_uid"),
        sa.PrimaryKeyConstraint("id", name="pk_crossing"),
        sa.UniqueConstraint("bridge_uid", "river_uid", name="uq_crossing_bridge_uid_river_uid"),
    )
    op.create_index("ix_crossing_river_uid", "crossing", ["river_uid"], unique=False)
