"""Log records of the program: to standard error, one line each, quiet unless asked for."""

from __future__ import annotations

import logging
import sys

_FORMAT = "%(levelname)s %(name)s: %(message)s"
_OURS = ("mizuhashi", "findings", "imagery", "models", "inference", "training", "api")


def configure_logging(verbosity: int, *, quiet: bool = False) -> None:
    """Send records to standard error; results go to standard output, so that the two can be told apart.

    Args:
        verbosity: 0 warnings, 1 our own progress, 2 our own details.
        quiet: errors only.
    """
    level = logging.ERROR if quiet else {0: logging.WARNING, 1: logging.INFO}.get(verbosity, logging.DEBUG)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT))
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries speak up for warnings only: alembic and rasterio would drown the program's own lines.
    root.setLevel(max(level, logging.WARNING))
    for name in _OURS:
        logging.getLogger(name).setLevel(level)
    # GDAL remarks on tags that do not hinder the reading, several times a file; what hinders comes as an exception.
    logging.getLogger("rasterio").setLevel(logging.ERROR if verbosity == 0 else logging.WARNING)
    # A scene without georeference is taken and noted on its image; rasterio's own warning would say it twice.
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").setLevel(logging.ERROR if verbosity == 0 else logging.WARNING)
