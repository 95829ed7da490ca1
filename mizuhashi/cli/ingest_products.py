"""The product side of ``mizuhashi ingest``: folders and archives become scenes, scenes become images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from findings.errors import InputError, NotAssessable
from mizuhashi.files import refusal

if TYPE_CHECKING:
    from findings.survey import Image
    from imagery.ingest import IngestOptions
    from imagery.products import Found, ProductRef
    from mizuhashi.output import Output

SCENES = "scenes"
"""Folder of scenes below the home folder."""


def product_images(found: Found, options: IngestOptions, home: Path, output: Output) -> tuple[list[Image], int]:
    """Return the images of products, written below ``home/scenes``, and how many products were refused or empty.

    A product that was written before is not written again, so a run that was cut off goes on where it stopped.
    """
    images: list[Image] = []
    refused = 0
    for path, error in found.refused:
        refused += 1
        output.remark(f"refused {refusal(path, error)}")
    if not found.products:
        return images, refused
    with output.progress("products") as progress:
        for done, ref in enumerate(found.products):
            progress(ref.path.name, done, len(found.products))
            try:
                images.append(_image(ref, options, home))
            except NotAssessable as error:
                refused += 1
                output.remark(f"empty {ref.path.name}: {error}")
            except InputError as error:
                refused += 1
                output.remark(f"refused {refusal(ref.path, error)}")
        progress("", len(found.products), len(found.products))
    return images, refused


def _image(ref: ProductRef, options: IngestOptions, home: Path) -> Image:
    from imagery.dates import find_item, scene_record
    from imagery.ingest import describe
    from imagery.products import take_product

    raster = take_product(ref, home / SCENES, options.captured_at)
    if ref.copy is None:
        return describe(raster, options=replace(options, bands=None))
    if options.captured_at is None and find_item(ref.path) is not None:  # the item stays with the original
        options = replace(options, captured_at=scene_record(ref.path, {}).captured_at)
    image = describe(raster, options=options)
    return replace(image, notes=(*image.notes, f"copy of {ref.path.name} with tiles and overviews ({ref.kind})"))
