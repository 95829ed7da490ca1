"""Is the service up?"""

from __future__ import annotations

from fastapi import APIRouter

from api.deps import Here
from api.schemas import Health, Problem
from findings.store import SchemaState
from findings.store.migrate import behind_or_newer

router = APIRouter(tags=["service"])


@router.get("/healthz", operation_id="health", responses={503: {"model": Problem}})
def health(here: Here) -> Health:
    """Return ok where the database answers and has this code's schema."""
    state = here.store.state()
    if state is not SchemaState.HEAD:
        raise behind_or_newer(state)
    return Health()
