"""The real flight checked by its own overlap: predicted against registered offsets, as a page of numbers.

Run from the project's root, with the folder of real data beside it::

    .venv/bin/python -m benchmarks.flight > docs/imagery-flight.md
    .venv/bin/python -m benchmarks.flight --pictures /tmp/flight > /dev/null    # to look at
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from findings.survey import Image
from imagery.flight.check import Evidence, Solution, look, solve
from imagery.flight.features import FeatureStore, reduced_grey
from imagery.flight.report import FlightReport, PairCheck, rows, summary
from imagery.flight.stations import Flight, Station, flight_of
from imagery.flight.verdicts import report_of
from imagery.ingest import describe

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "drone" / "brighton_beach" / "images"


def number(value: float | None, digits: int = 2) -> str:
    """Return a number for a table; a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def line(*cells: str) -> str:
    """Return one row of a table."""
    return "| " + " | ".join(cells) + " |"


def image_table(report: FlightReport) -> list[str]:
    """Return a row an image: the offset to the next one, and what the whole flight says of it."""
    head = (
        "image", "predicted to next, m", "registered, m", "residual, m", "%", "with the record at its word, m",
        "place off, m", "% of spacing", "± m", "yaw error, °", "neighbours", "verdict",
    )  # fmt: skip
    table = [line(*head), line(*["---"] * len(head))]
    for row in rows(report):
        table.append(
            line(
                Path(row["image"]).stem, number(row["predicted_m"]), number(row["registered_m"]),
                number(row["residual_m"]), number(row["residual_percent"], 1), number(row["as_recorded_m"]),
                number(row["image_residual_m"]), number(row["image_residual_percent"], 1), number(row["sigma_m"]),
                number(row["yaw_error_deg"], 1), str(row["neighbours"]), row["words"],
            )
        )  # fmt: skip
    return table


def pair_table(pairs: tuple[PairCheck, ...]) -> list[str]:
    """Return a row a registered pair."""
    head = (
        "pair", "agreeing of matching", "predicted east, north, m", "registered east, north, m", "residual, m", "%",
        "turn error, °", "scale ratio error, %", "weight",
    )  # fmt: skip
    table = [line(*head), line(*["---"] * len(head))]
    for pair in pairs:
        offsets = [
            "-" if place is None else f"{place[0]:.2f}, {place[1]:.2f}"
            for place in (pair.predicted_en_m, pair.registered_en_m)
        ]
        ratio = None if pair.scale_ratio_error is None else 100.0 * pair.scale_ratio_error
        table.append(
            line(
                f"{Path(pair.first).stem[-4:]}-{Path(pair.second).stem[-4:]}", f"{pair.inliers} of {pair.matches}",
                *offsets, number(pair.residual_m), number(pair.residual_percent, 1),
                number(pair.rotation_error_deg, 1), number(ratio, 1), number(pair.weight),
            )
        )  # fmt: skip
    return table


def page(report: FlightReport) -> list[str]:
    """Return the page."""
    return [
        "# A real flight, checked by its own overlap",
        "",
        "Eight consecutive photographs of `drone/brighton_beach`, 4000 x 2250 px, about 40 m above take-off. Written",
        "by `benchmarks/flight.py`; what the columns mean stands in `imagery/flight/report.py`, why it is done so in",
        "[decision 0016](decisions/0016-flight-check.md).",
        "",
        *(f"* {text}" for text in summary(report)),
        "",
        "## Images",
        "",
        *image_table(report),
        "",
        "Predicted and registered: distance to the next image. Residual: of the offset as a vector, at the recorded",
        "scale and direction, turned images put right. Place off: recorded place against the adjusted flight.",
        "",
        "## Pairs",
        "",
        *pair_table(report.pairs),
        "",
        "Turn error with every record at its word: 180 degrees where one of the two images is turned.",
    ]


def draw(evidence: Evidence, solution: Solution, folder: Path) -> None:
    """Draw matches of the pairs, and the outlines as recorded (red) and adjusted (green); to look at, not to keep."""
    import cv2

    from imagery.flight.register import RELIEF, match

    folder.mkdir(parents=True, exist_ok=True)
    stations = evidence.flight.stations
    with FeatureStore([station.image for station in stations]) as store:
        for pair in evidence.registrations:
            one, two = store.get(pair.first), store.get(pair.second)
            found = match(one, two)
            p, q = one.points_px[found[:, 0]], two.points_px[found[:, 1]]
            left = np.abs(pair.centroid_second + pair.factor * (p - pair.centroid_first) - q)
            good = left < RELIEF * two.width_px
            pair_of = stations[pair.first], stations[pair.second]
            pictures = [cv2.cvtColor(reduced_grey(s.image)[0], cv2.COLOR_GRAY2BGR) for s in pair_of]
            canvas = np.concatenate(pictures, axis=1)
            half = np.array([pictures[0].shape[1] / 2, pictures[0].shape[0] / 2])
            for a, b, agrees in zip(p / one.step_px, q / two.step_px, good, strict=True):
                start = half + np.array([a.real, -a.imag])
                end = half + np.array([b.real + 2 * half[0], -b.imag])
                colour = (80, 220, 80) if agrees else (60, 60, 200)
                cv2.line(canvas, start.astype(int).tolist(), end.astype(int).tolist(), colour, 1, cv2.LINE_AA)
            cv2.imwrite(str(folder / f"match-{'-'.join(s.name[:8] for s in pair_of)}.png"), canvas)
    cv2.imwrite(str(folder / "outlines.png"), outlines(evidence.flight, solution))


def outlines(flight: Flight, solution: Solution, pixels_per_m: float = 9.0) -> np.ndarray:
    """Return a map ``(H, W, 3)``: outlines with a bar at the upper edge, recorded in red, adjusted in green."""
    import cv2

    assert solution.adjusted is not None
    boxes = []
    for k, station in enumerate(flight.stations):
        adjusted = Station(station.image, complex(solution.adjusted.places_m[k]), complex(solution.adjusted.factors[k]))
        boxes += [(station, (40, 40, 220)), (adjusted, (40, 150, 40))]
    corners = np.array([box.corners_m for box, _ in boxes])
    low = complex(corners.real.min() - 3, corners.imag.min() - 3)
    size = np.array([np.ptp(corners.real) + 6, np.ptp(corners.imag) + 6]) * pixels_per_m
    canvas = np.full((int(size[1]), int(size[0]), 3), 255, np.uint8)
    for box, colour in boxes:
        ring = (np.array(box.corners_m) - low) * pixels_per_m
        points = np.column_stack([ring.real, size[1] - ring.imag]).astype(int)
        cv2.polylines(canvas, [points], True, colour, 2, cv2.LINE_AA)
        cv2.line(canvas, points[0].tolist(), points[1].tolist(), colour, 7, cv2.LINE_AA)
        cv2.putText(canvas, box.name[4:8], (points[0] + [4, 14]).tolist(), 0, 0.5, colour, 1, cv2.LINE_AA)
    return canvas


def photographs() -> list[Image]:
    """Return the records of the eight photographs."""
    return [describe(path) for path in sorted(DATA.glob("*.JPG"))]


def main() -> None:
    """Print the page; draw on demand."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, help="folder for pictures to look at")
    arguments = parser.parse_args()
    images = photographs()
    evidence = look(flight_of(images))
    solution = solve(evidence)
    report = report_of(evidence, solution)
    print("\n".join(page(report)))
    if arguments.pictures is not None:
        draw(evidence, solution, arguments.pictures)


if __name__ == "__main__":
    main()
