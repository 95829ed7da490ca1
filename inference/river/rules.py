"""Rules without weights in the store: their limits are what a digest of weights is for a network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from findings.store import ModelRun
from inference.judgement import CODE_VERSION


def rule_digest(limits: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a rule's limits; another limit is another rule."""
    return hashlib.sha256(json.dumps(dict(limits), sort_keys=True).encode()).hexdigest()


def rule_run(model: tuple[str, str], limits: Mapping[str, Any], parameters: Mapping[str, Any]) -> ModelRun:
    """Return the run of a rule, now.

    Args:
        model: name and version.
        limits: numbers of the rule.
        parameters: what this run was asked to do.
    """
    now = datetime.now(UTC)
    return ModelRun(*model, rule_digest(limits), CODE_VERSION, now, now, "cpu", {"limits": dict(limits), **parameters})
