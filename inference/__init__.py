"""From imagery to findings: engine, stitching, regions, measurement, the pipeline."""
