"""Seeded generators of imagery with exact truth; what ships as imagery is made here."""
