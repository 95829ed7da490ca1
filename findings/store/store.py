"""The store: everything that is kept, behind one door."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType

from sqlalchemy.orm import Session

from findings.asset import Asset, Crossing, PierInChannel
from findings.finding import Finding, FindingStatus, Priority
from findings.issued import IssuedList
from findings.review import PictureReview, Review
from findings.store import (
    assets,
    audit,
    checks,
    crossings,
    defects,
    image_edits,
    image_places,
    issued,
    migrate,
    queries,
    recording,
    reviews,
    rivers,
    surveys,
)
from findings.store.bbox import Box
from findings.store.engine import make_engine, transaction, translated
from findings.store.rivers import ReachRecord, SceneObservation
from findings.store.values import AuditRow, Counts, Cursor, ModelRun, Page, SchemaState
from findings.survey import Assignment, Image, Survey
from findings.tracking import Track


class Store:
    """Assets, surveys, images, findings, their priorities and the audit, in SQLite or PostgreSQL.

    Each method is one transaction. Threads may share a store. Nothing is opened before the first call.

    Args:
        url: ``store_url(home)``, or a PostgreSQL URL.
        home: the folder that evidence paths are relative to.
        actor: who is at work, for the audit.

    Raises:
        ConfigError: the URL names no database that we know.
        MigrationNeeded: (any read or write) the schema is not this code's; ``upgrade()`` is the remedy.
        StaleWrite: (any write) somebody else wrote in between.
        OutputError: (any write) the disk is full or the file cannot be written.
    """

    def __init__(self, url: str, home: Path, *, actor: str = "system") -> None:
        self.home = home
        self._engine = make_engine(url)
        self._actor = actor
        self._at_head = False

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection; the store may be used again and then opens new ones."""
        self._engine.dispose()

    def state(self) -> SchemaState:
        """Return whether the database is fresh, behind, at head or newer than this code; makes no file."""
        with translated(self._engine):
            return migrate.state(self._engine)

    def upgrade(self) -> None:
        """Bring the database to this code's schema, making it and the home folder if they are not there."""
        with translated(self._engine):
            migrate.upgrade(self._engine)

    def check(self) -> list[str]:
        """Return what is wrong with the database, in sentences; an empty list means that it is whole."""
        found = self.state()
        if found is not SchemaState.HEAD:
            return [str(migrate.behind_or_newer(found))]
        with transaction(self._engine) as session:
            return checks.problems(session)

    def put_assets(self, values: Sequence[Asset]) -> Counts:
        """Add assets or bring them up to date, by uid."""
        with self._writing() as session:
            return assets.put(session, self._actor, values)

    def assets(self) -> list[Asset]:
        """Return all assets by name."""
        with self._reading() as session:
            return crossings.with_crossings(session, assets.every(session))

    def asset(self, uid_or_external_id: str) -> Asset:
        """Return one asset; NotFound if there is none."""
        with self._reading() as session:
            return crossings.with_crossings(session, [assets.one(session, uid_or_external_id)])[0]

    def put_crossings(self, values: Sequence[Crossing], *, complete: bool = False) -> Counts:
        """Add crossings or bring them up to date; answers about piers stay; see ``crossings.put``."""
        with self._writing() as session:
            return crossings.put(session, self._actor, values, complete=complete)

    def crossings(self, bridge_uid: str | None = None, river_uid: str | None = None) -> list[Crossing]:
        """Return the crossings of a bridge, of a river or all, by bridge and river."""
        with self._reading() as session:
            return crossings.every(session, bridge_uid, river_uid)

    def set_pier(self, bridge_uid: str, river_uid: str, answer: PierInChannel, *, state: bool = False) -> Crossing:
        """Write whether a bridge has a pier in a river's water and return the crossing; see ``crossings.set_pier``."""
        with self._writing() as session:
            return crossings.set_pier(session, self._actor, bridge_uid, river_uid, answer, state=state)

    def open_survey(self, name: str, asset_uid: str | None, images: Sequence[Image]) -> tuple[Survey, Counts]:
        """Return the survey of that name with these images in it; see ``surveys.open_one``."""
        with self._writing() as session:
            return surveys.open_one(session, self._actor, name, asset_uid, images)

    def survey(self, name: str) -> Survey:
        """Return the survey of that name; NotFound if there is none."""
        with self._reading() as session:
            return surveys.one(session, name)

    def surveys(self) -> list[Survey]:
        """Return all surveys, oldest first."""
        with self._reading() as session:
            return surveys.every(session)

    def images(self, survey_uid: str) -> list[Image]:
        """Return the images of a survey in the order they were added."""
        with self._reading() as session:
            return surveys.images(session, survey_uid)

    def image(self, uid: str) -> Image:
        """Return one image; NotFound if there is none."""
        with self._reading() as session:
            return surveys.image(session, uid)

    def images_of(self, uids: Sequence[str]) -> dict[str, Image]:
        """Return images by uid, in few queries; NotFound if one is missing."""
        with self._reading() as session:
            return surveys.images_of(session, uids)

    def image_pages(self, survey_uid: str, size: int = 500) -> Iterator[list[Image]]:
        """Yield the images of a survey some at a time, in the order they were added; each page is a look of its own."""
        after: str | None = None
        while True:
            with self._reading() as session:
                found = image_edits.page(session, survey_uid, after, size)
            if not found:
                return
            yield found
            after = found[-1].uid

    def count_images(self) -> int:
        """Return how many images all surveys have together."""
        with self._reading() as session:
            return image_edits.count(session)

    def assign_images(self, given: Mapping[str, Assignment | None]) -> Counts:
        """Write which asset, span and member images show, by image uid; see ``image_edits.assign``."""
        with self._writing() as session:
            return image_edits.assign(session, self._actor, given)

    def move_image(self, image_uid: str, path: str, mask_path: str | None = None) -> Counts:
        """Write where an image's file, and its mask, lie now; NotFound if there is no such image."""
        with self._writing() as session:
            return image_edits.move(session, self._actor, image_uid, path, mask_path)

    def update_image_places(self, changes: Sequence[tuple[Image, Image]]) -> Counts:
        """Write corrected places, views, scales and notes of images; see ``image_places.update``."""
        with self._writing() as session:
            return image_places.update(session, self._actor, changes)

    def findings_behind(self, survey_uid: str) -> int:
        """Return how many active findings still carry an earlier assignment; inspecting again brings them up."""
        with self._reading() as session:
            return image_edits.findings_behind(session, survey_uid)

    def findings_of_image(self, image_uid: str, *, inactive: bool = False) -> list[Finding]:
        """Return the findings of an image, on demand with those that its model no longer finds."""
        with self._reading() as session:
            return queries.of_image(session, image_uid, inactive=inactive)

    def findings_of_images(self, uids: Sequence[str], *, inactive: bool = False) -> dict[str, list[Finding]]:
        """Return the findings of each of these images, in few queries."""
        with self._reading() as session:
            return queries.of_images(session, uids, inactive=inactive)

    def models_run(self, survey_uid: str) -> dict[str, frozenset[str]]:
        """Return the names of the models that inspected each image of a survey, by image uid."""
        with self._reading() as session:
            return queries.models_run(session, survey_uid)

    def record_image(self, image: Image, run: ModelRun | None, findings: Sequence[Finding]) -> Counts:
        """Write what one model made of one image, all or nothing; see ``recording.record_image``."""
        with self._writing() as session:
            return recording.record_image(session, self._actor, image, run, findings)

    def put_priorities(self, priorities: Sequence[Priority]) -> None:
        """Write where findings stand in the ranked list, and why."""
        with self._writing() as session:
            recording.put_priorities(session, self._actor, priorities)

    def list_findings(
        self,
        *,
        survey: str | None = None,
        limit: int = 100,
        cursor: Cursor | None = None,
        bbox: Box | None = None,
        minimum_score: float | None = None,
        damage: str | None = None,
        status: FindingStatus | None = None,
        inactive: bool = False,
        sights: bool = False,
    ) -> Page:
        """Return one page of the ranked list.

        Args:
            survey: name of the only survey to list; without it what a later inspection found again is left out.
            limit: findings on the page, 1 to 10,000.
            cursor: ``next_cursor`` of the page before.
            bbox: min lon, min lat, max lon, max lat; findings without a place on the ground are left out then.
            minimum_score: lowest priority score to list; findings never ranked are left out then.
            damage: the only damage code to list.
            status: the only review state to list.
            inactive: list also what its model no longer finds.
            sights: list also the sights that do not lead their defect; they are never ranked.
        """
        with self._reading() as session:
            return queries.ranked(
                session,
                survey=survey,
                limit=limit,
                cursor=cursor,
                bbox=bbox,
                minimum_score=minimum_score,
                damage=damage,
                status=status,
                inactive=inactive,
                sights=sights,
            )

    def finding(self, uid: str) -> tuple[Finding, Priority | None]:
        """Return one finding, active or not, with its priority; NotFound if there is none."""
        with self._reading() as session:
            return queries.one(session, uid)

    def add_reviews(
        self, values: Sequence[Review], drawn: Sequence[Finding] = (), pictures: Sequence[PictureReview] = ()
    ) -> Counts:
        """Append what people decided, all or nothing, with the findings that they drew; see ``reviews.add``."""
        with self._writing() as session:
            return reviews.add(session, values, drawn, pictures)

    def reviews(
        self, finding_uid: str | None = None, *, survey: str | None = None, image_uid: str | None = None
    ) -> list[Review]:
        """Return the reviews of a finding, a survey, a picture or all, oldest first."""
        with self._reading() as session:
            return reviews.every(session, finding_uid, survey, image_uid)

    def picture_reviews(self, *, survey: str | None = None, image_uid: str | None = None) -> list[PictureReview]:
        """Return who looked over whole pictures, oldest first."""
        with self._reading() as session:
            return reviews.pictures(session, survey, image_uid)

    def put_defects(self, survey_uid: str, found: Mapping[str, tuple[str, bool]]) -> Counts:
        """Write which findings of a survey are sights of one defect, and which lead; see ``defects.put``."""
        with self._writing() as session:
            return defects.put(session, self._actor, survey_uid, found)

    def sights(self, defect_uid: str) -> list[Finding]:
        """Return the active sights of a defect, the leading one first; NotFound if there is no such defect."""
        with self._reading() as session:
            return defects.sights(session, defect_uid)

    def other_sights(self, defect_uids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Return the uids of the active sights that do not lead, by uid of the defect, for many defects at once."""
        with self._reading() as session:
            return defects.other_sights(session, defect_uids)

    def put_tracks(self, survey_uid: str, previous_survey_uid: str, values: Sequence[Track]) -> Counts:
        """Write the comparison of two surveys, instead of an earlier one; see ``defects.put_tracks``."""
        with self._writing() as session:
            return defects.put_tracks(session, self._actor, survey_uid, previous_survey_uid, values)

    def tracks(self, survey_uid: str | None = None) -> list[Track]:
        """Return the tracks of a survey against its previous ones, or all, in the order they were written."""
        with self._reading() as session:
            return defects.tracks(session, survey_uid)

    def history(self, finding_uid: str) -> list[Finding]:
        """Return the findings of one defect along the inspections, oldest first; NotFound if there is none."""
        with self._reading() as session:
            return defects.history(session, finding_uid)

    def issue_list(self, values: IssuedList) -> None:
        """Keep a priority list as it is handed out; it never changes afterwards."""
        with self._writing() as session:
            issued.put(session, values)

    def issued_lists(self) -> list[IssuedList]:
        """Return all issued lists, oldest first, without their rows."""
        with self._reading() as session:
            return issued.every(session)

    def issued_list(self, uid: str | None = None) -> IssuedList:
        """Return an issued list with its rows, the newest by default; NotFound if there is none."""
        with self._reading() as session:
            return issued.one(session, uid)

    def put_river(
        self, record: ReachRecord, observed: Sequence[SceneObservation], *, at: datetime, anew: bool = False
    ) -> Counts:
        """Write a reach in time with observations of scenes, all or nothing; see ``rivers.put``."""
        with self._writing() as session:
            return rivers.put(session, self._actor, record, observed, at=at, anew=anew)

    def river(self, asset_uid: str) -> ReachRecord:
        """Return a reach in time; NotFound if it was never scanned."""
        with self._reading() as session:
            return rivers.one(session, asset_uid)

    def rivers(self) -> list[str]:
        """Return the uids of the reaches that were scanned."""
        with self._reading() as session:
            return rivers.every(session)

    def river_observations(self, asset_uid: str, latest: int | None = None) -> list[SceneObservation]:
        """Return the observations of a reach, oldest first; only the ``latest`` so many where given."""
        with self._reading() as session:
            return rivers.observations(session, asset_uid, latest)

    def audit_rows(self, entity_uid: str | None = None) -> list[AuditRow]:
        """Return the audit in order, of one entity or of all."""
        with self._reading() as session:
            return audit.rows(session, entity_uid)

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        self._require_head()
        with transaction(self._engine) as session:
            yield session

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        self._require_head()
        with transaction(self._engine, write=True) as session:
            yield session

    def _require_head(self) -> None:
        if not self._at_head:
            found = self.state()
            if found is not SchemaState.HEAD:
                raise migrate.behind_or_newer(found)
            self._at_head = True  # a schema does not go back, so one look is enough
