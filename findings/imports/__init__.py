"""Lists of bridges and rivers in the formats that agencies and OpenStreetMap publish."""

from findings.imports.reading import read_file
from findings.imports.values import Imported, Options

__all__ = ["Imported", "Options", "read_file"]
