"""River reaches in time: frames, states of monitors, observations.

Revision: 0005
After: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "river_reach",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("asset_uid", sa.Text(), nullable=False),
        sa.Column("frame", sa.JSON(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["asset_uid"], ["asset.uid"], name="fk_river_reach_asset_uid"),
        sa.PrimaryKeyConstraint("id", name="pk_river_reach"),
        sa.UniqueConstraint("asset_uid", name="uq_river_reach_asset_uid"),
    )
    op.create_table(
        "river_observation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("asset_uid", sa.Text(), nullable=False),
        sa.Column("image_uid", sa.Text(), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["asset_uid"], ["asset.uid"], name="fk_river_observation_asset_uid"),
        sa.ForeignKeyConstraint(["image_uid"], ["image.uid"], name="fk_river_observation_image_uid"),
        sa.PrimaryKeyConstraint("id", name="pk_river_observation"),
        sa.UniqueConstraint("asset_uid", "image_uid", name="uq_river_observation_asset_uid_image_uid"),
    )
    op.create_index("ix_river_observation_image_uid", "river_observation", ["image_uid"], unique=False)
    op.create_index(
        "ix_river_observation_asset_captured", "river_observation", ["asset_uid", "captured_at"], unique=False
    )
