"""How ``mizuhashi ingest`` fills a survey: in batches, so that a run that is cut off keeps what it has done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from findings.errors import InputError, NotFound, SurveyConflict
from findings.store.values import Counts
from mizuhashi.cli.ingest_checks import tell_known, with_distance
from mizuhashi.files import refusal

if TYPE_CHECKING:
    from findings.asset import Asset
    from findings.store import Store
    from findings.survey import Image
    from imagery.ingest import IngestOptions
    from mizuhashi.output import Output

BATCH = 50
"""Images a transaction: at about a second a photograph a cut-off run repeats less than a minute of work."""


class Intake:
    """Takes images into one survey, some at a time; those that the survey has already are given again, as it wants.

    Args:
        store: open.
        survey: name; made with the first batch if it is new.
        asset: of the survey, or None.
        output: where remarks go.
        add: the survey exists and grows: its earlier files need not be given again, nor its asset.

    Attributes:
        earlier: images of the survey before this run, by sha256.
        images: taken in this run, in order.
    """

    def __init__(self, store: Store, survey: str, asset: Asset | None, output: Output, *, add: bool = False) -> None:
        self._store, self._survey, self._asset, self._output = store, survey, asset, output
        self._add = add
        if add and asset is None and (uid := store.survey(survey).asset_uid) is not None:
            self._asset = store.asset(uid)
        self._asset_uid = self._asset.uid if self._asset else None
        self.earlier = _stored(store, survey)
        self.images: list[Image] = []
        self._added = self._written = 0

    def check(self, files: Sequence[Path], others: Iterable[Image]) -> None:
        """Refuse, before the work begins, what the store would refuse at its end.

        Raises:
            SurveyConflict: the survey belongs to another asset, or there are new files for a survey whose earlier ones
                are not given again.
        """
        if not self.earlier:
            return
        from imagery.digest import sha256_file

        self._store.open_survey(self._survey, self._asset_uid, list(self.earlier.values()))  # adds nothing
        if self._add:
            return
        given = {image.sha256 for image in others}
        for file in files:
            with suppress(InputError):  # whoever describes it will say so
                given.add(sha256_file(file))
        missing = [image for sha256, image in self.earlier.items() if sha256 not in given]
        if missing and given - self.earlier.keys():
            raise SurveyConflict(
                f"survey {self._survey!r} exists with {len(self.earlier)} files, {len(missing)} of them not given here "
                f"(e.g. {missing[0].path}); add to it with --add, give these too, or choose another survey name"
            )

    def add(self, images: Sequence[Image]) -> None:
        """Take images; a full batch is written at once."""
        tell_known(self.earlier, images, self._output)
        self.images += with_distance(images, self._asset)
        if len(self.images) - self._written >= BATCH:
            self.write()

    def write(self) -> Counts:
        """Write what is not written yet and return the counts of the whole run.

        Raises:
            typer.Exit: with status 1; there is nothing to write.
        """
        if not self.images:
            self._output.remark(f"no image was taken; survey {self._survey!r} stays as it was")
            raise typer.Exit(1)
        taken = {image.sha256 for image in self.images}
        again = [image for sha256, image in self.earlier.items() if sha256 not in taken]
        _, counts = self._store.open_survey(self._survey, self._asset_uid, [*again, *self.images])
        self._added += counts.added
        self._written = len(self.images)
        known = sum(image.sha256 in self.earlier for image in self.images)
        return Counts(added=self._added, unchanged=known, differing=counts.differing)


def describe_all(files: Sequence[Path], options: IngestOptions, output: Output, intake: Intake) -> int:
    """Take every file that can be taken, and return how many were refused, each of them told."""
    from imagery.ingest import describe

    refused = 0
    with output.progress("ingest") as progress:
        for done, file in enumerate(files):
            progress(file.name, done, len(files))
            try:
                intake.add([describe(file, options=options, known=intake.earlier)])
            except InputError as error:
                refused += 1
                output.remark(f"refused {refusal(file, error)}")
            except KeyboardInterrupt:
                _keep(intake, output, len(files))
                raise
        progress("", len(files), len(files))
    return refused


def _keep(intake: Intake, output: Output, total: int) -> None:
    """Write what an interrupted run has, and say how to go on."""
    if intake.images:
        intake.write()
        output.remark(f"{len(intake.images)} of {total} images are in the survey; the same command takes the rest")


def _stored(store: Store, survey: str) -> dict[str, Image]:
    try:
        return {image.sha256: image for image in store.images(store.survey(survey).uid)}
    except NotFound:
        return {}
