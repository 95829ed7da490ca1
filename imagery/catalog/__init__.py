"""The static STAC 1.1 catalogue of all pictures: written from the store, checked against the files.

::

    DIR/catalog.json                        one child a survey
    DIR/images.geojson                      every picture with its outline, for any desktop GIS
    DIR/<survey>/collection.json            extent, licence, one link an item
    DIR/<survey>/images.geojson
    DIR/<survey>/<uid of the image>.json    the item; its assets are links to the files where they lie
    DIR/<survey>/files/<uid>/...            copies, if copies were asked for
"""
