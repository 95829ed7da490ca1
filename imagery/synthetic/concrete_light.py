"""Light on a wall: sun or sky, relief, shadows of leaves, twigs, wires, beams and railings, the shine of wet places."""

from __future__ import annotations

import numpy as np

from imagery.synthetic.camera import light_field, relief_shading
from imagery.synthetic.concrete_joints import line_across, side_of
from imagery.synthetic.concrete_scene import Scene
from imagery.synthetic.confusers import shadow_field
from imagery.synthetic.cracks import grow_branches, grow_crack, line_coverage
from imagery.synthetic.noise import Field, blur, fractal_noise, ramp, smooth_noise


def light_scene(rng: np.random.Generator, scene: Scene) -> Field:
    """Return the linear radiance ``(H, W, 3)`` of the scene under a light drawn at random."""
    sun = rng.random() < 0.4
    light = light_field(rng, scene.shape, float(rng.uniform(0, 0.5)), float(rng.uniform(0, 0.25)))
    light *= relief_shading(
        scene.surface.height, scene.light_rad, float(rng.uniform(0.08, 0.3) if sun else rng.uniform(0, 0.1))
    )
    sky = np.asarray(
        [rng.uniform(0.85, 1.0), 1.0, rng.uniform(1.0, 1.2)], dtype=np.float32
    )  # colour of what is in the shade
    shade = np.zeros(scene.shape, dtype=np.float32)
    if rng.random() < (0.5 if sun else 0.15):
        for _ in range(int(rng.integers(1, 3))):
            shade = np.maximum(shade, _shadow(rng, scene) * np.float32(rng.uniform(0.25, 0.8)))
    radiance = np.clip(scene.surface.colour, 0.002, 1.0) * (light * (1 - shade))[..., None]
    radiance *= 1 + (shade * np.float32(0.5))[..., None] * (sky - 1)
    if scene.gloss.any():
        radiance += _shine(rng, scene)[..., None] * sky
    return np.asarray(radiance, dtype=np.float32)


def _shine(rng: np.random.Generator, scene: Scene) -> Field:
    """Return what a wet film mirrors: a broad sheen and glints on the bumps that face the camera's mirror direction."""
    wavy = fractal_noise(rng, scene.shape, 10.0, 1.5, 0.5, stretch=2.0, angle=np.pi / 2)
    broad = ramp(smooth_noise(rng, scene.shape, 0.5 * scene.size), -0.5, 1.5)
    glint = ramp(wavy + 0.5 * broad, 1.5, 2.3)
    strength = float(rng.choice([0.0, 0.02, 0.06, 0.15]))
    return np.asarray(scene.gloss * np.float32(strength) * (0.25 * broad + glint), dtype=np.float32)


def _shadow(rng: np.random.Generator, scene: Scene) -> Field:
    """Return how much of the sun something outside the frame takes away, 0..1."""
    kind, shape = rng.random(), scene.shape
    if kind < 0.4:
        return np.asarray(1 - shadow_field(rng, shape, 1.0), dtype=np.float32)
    if kind < 0.6:
        return _twigs(rng, scene)
    if kind < 0.8:  # railing or scaffold: bars at an even pitch
        angle = float(rng.uniform(0, np.pi))
        across = side_of(shape, *line_across(rng, shape, angle))
        pitch = float(rng.uniform(0.08, 0.5)) * scene.size
        wide = float(rng.uniform(0.04, 0.4)) * pitch
        bars = ramp(wide / 2 - np.abs((across + 1000 * pitch) % pitch - pitch / 2), -1.0, 1.0)
        return blur(bars, float(rng.uniform(0.6, 3.0)))
    leaves = fractal_noise(rng, shape, float(rng.uniform(0.06, 0.25)) * scene.size, 5.0, 0.9)
    cut = float(rng.uniform(-0.5, 1.0))
    return blur(ramp(leaves, cut, cut + 0.3), float(rng.uniform(0.8, 5.0)))


def _twigs(rng: np.random.Generator, scene: Scene) -> Field:
    """Return the shadow of wires or a bare twig: thin, branched, soft; the hardest thing to tell from a crack."""
    height, width = scene.shape
    total = np.zeros(scene.shape, dtype=np.float32)
    for _ in range(int(rng.integers(1, 4))):
        turn = float(rng.uniform(0, 2 * np.pi))
        x, y = np.asarray([width, height]) * rng.uniform(0, 1, 2) - 0.5 * scene.size * np.asarray(
            [np.cos(turn), np.sin(turn)]
        )
        rough = float(rng.uniform(0.02, 0.35))
        stem = grow_crack(
            rng,
            (float(x), float(y)),
            turn,
            1.2 * scene.size,
            float(rng.uniform(1.5, 7)),
            roughness=rough,
            open_start=True,
        )
        lines = [stem]
        grow_branches(rng, lines, 0, float(rng.choice([0.0, 3.0])), roughness=rough)
        for line in lines:
            np.maximum(total, line_coverage(line, scene.shape), out=total)
    soft = blur(total, float(rng.uniform(0.8, 2.5)))
    return np.asarray(np.clip(1.5 * soft, 0, 1), dtype=np.float32)
