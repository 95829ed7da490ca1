"""Who is at work: the name that audits and histories keep."""

from __future__ import annotations

import getpass


def account_name() -> str:
    """Return the login name of the person; ``system`` where there is none, as for the bare uid of a container."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # Python before and from 3.13
        return "system"
