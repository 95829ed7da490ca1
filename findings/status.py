"""The review state of a finding; by itself, so that a command line can offer it without loading geometry."""

from __future__ import annotations

from enum import StrEnum


class FindingStatus(StrEnum):
    """Review state; only people move a finding out of ``candidate``."""

    CANDIDATE = "candidate"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    NEEDS_CLOSE_INSPECTION = "needs_close_inspection"
    DUPLICATE = "duplicate"
