"""A wall in the making together with its truth: what is painted on it says at once where it is."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from imagery.synthetic.cracks import CrackLine
from imagery.synthetic.noise import Field
from imagery.synthetic.surface import Surface

CLASSES = ("crack", "spalling", "exposed_rebar", "efflorescence", "rust", "wet_spot")


@dataclass(slots=True, eq=False)
class Scene:
    """A wall, and the truth about it.

    Attributes:
        surface: colour and relief.
        light_rad: direction in the picture that the light comes from.
        truth: by class, ``(H, W)`` float32 how plainly a pixel shows it: the mask is 0.5 and above; what lies between
            0 and 0.5 people would judge differently.
        coverage: ``(H, W)`` area share that cracks cover.
        gloss: ``(H, W)`` 0..1, wet film that mirrors the sky.
        hidden: ``(H, W)`` 0..1, what has been broken off or laid over cracks.
        lines: the cracks.
    """

    surface: Surface
    light_rad: float
    truth: dict[str, Field] = field(default_factory=dict)
    coverage: Field = field(init=False)
    gloss: Field = field(init=False)
    hidden: Field = field(init=False)
    lines: list[CrackLine] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.coverage = np.zeros(self.shape, dtype=np.float32)
        self.gloss = np.zeros(self.shape, dtype=np.float32)
        self.hidden = np.zeros(self.shape, dtype=np.float32)
        self.truth = {name: np.zeros(self.shape, dtype=np.float32) for name in CLASSES}

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the canvas in pixels."""
        return self.surface.shape

    @property
    def size(self) -> int:
        """The longer side in pixels."""
        return max(self.shape)

    def px(self, length_mm: float) -> float:
        """Return a length on the wall in pixels."""
        return length_mm / self.surface.gsd_mm

    def show(self, name: str, share: Field, rows: slice = slice(None), cols: slice = slice(None)) -> None:
        """Note that a class is to be seen as plainly as ``share`` says, in a window of the canvas."""
        plane = self.truth[name][rows, cols]
        np.maximum(plane, share, out=plane)

    def hide(self, body: Field) -> None:
        """Take out of the truth what ``body`` (0..1) lies over."""
        left = np.clip(1 - body, 0, 1)
        for plane in self.truth.values():
            plane *= left
        self.gloss *= left
        self.break_off(body)

    def break_off(self, body: Field) -> None:
        """Take out of the truth the cracks that were where ``body`` (0..1) is."""
        self.coverage *= np.clip(1 - body, 0, 1)
        np.maximum(self.hidden, body, out=self.hidden)
