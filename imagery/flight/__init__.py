"""The flight checks itself: what overlapping photographs say about each other's recorded place, direction and scale.

::

    images ─▶ stations (recorded place, direction, scale) ─▶ pairs that should overlap
                                                               │ features, matched and fitted
    report ◀─ verdicts ◀─ adjustment of the whole flight ◀─ registrations
"""
