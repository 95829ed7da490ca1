"""Pixels with a place and a time: sources, readers, georeference, quality, catalogue."""
