"""Which asset, span and member the pictures of a survey show: by the folders they lie in, or by hand.

The folder convention, each level optional, other folders in between allowed::

    .../<asset: id, external id or name>/<span: 径間1, 第1径間, span1, S1>/<member: Mg, 主桁, main girder>/DJI_0001.JPG

Names are compared in NFKC without regard to width, spaces and case; the spelling variants of the forms are known.
`imagery.assign_table` reads tables, `imagery.nearest` measures distances.
"""

from __future__ import annotations

import fnmatch
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from findings.asset import Asset
from findings.assignment import check_place, folded, member_symbol
from findings.errors import InputError, MizuhashiError, RecordError
from findings.survey import Assignment, AssignmentSource, Image

BY_ID, BY_NAME, BY_SPAN = 0.95, 0.9, 0.9
"""Confidence of a folder that names an asset by id, by name, and of one that names span or member only (our choice)."""
SEVERAL = 0.5
"""Factor where the folders of one picture name two assets: the one nearer to the file is taken."""

_SPAN = re.compile(r"(?:第?(\d{1,3})径間|(?:径間|スパン|span|s)[-_.]?(?:no\.?)?(\d{1,3}))")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one way of assigning says about the pictures of a survey.

    Attributes:
        given: assignment by the image's uid.
        remarks: (file name, why nothing or less was assigned).
    """

    given: dict[str, Assignment] = field(default_factory=dict)
    remarks: list[tuple[str, str]] = field(default_factory=list)


class AssetNames:
    """Finds assets by uid, external id or name, in any width and case."""

    def __init__(self, assets: Iterable[Asset]) -> None:
        self.by_uid = {asset.uid: asset for asset in assets}
        self._ids: dict[str, set[str]] = {}
        self._names: dict[str, set[str]] = {}
        for asset in self.by_uid.values():
            for text in (asset.uid, *asset.external_ids.values()):
                self._ids.setdefault(folded(str(text)), set()).add(asset.uid)
            self._names.setdefault(folded(asset.name), set()).add(asset.uid)

    def find(self, text: str) -> tuple[Asset, float] | None:
        """Return the asset of an id or name with the confidence of that, or None if there is none.

        Raises:
            RecordError: several assets have that id or name.
        """
        for index, confidence in ((self._ids, BY_ID), (self._names, BY_NAME)):
            uids = sorted(index.get(folded(text), ()))
            if len(uids) > 1:
                raise RecordError(f"{text!r} fits {len(uids)} assets ({', '.join(uids[:5])}); name one by its id")
            if uids:
                return self.by_uid[uids[0]], confidence
        return None


def from_folders(images: Sequence[Image], names: AssetNames, survey_asset: Asset | None = None) -> Outcome:
    """Return what the folders say; pictures whose folders say nothing have no entry and no remark.

    An asset may stand anywhere in the path. Span and member count below the asset's folder, or, where no folder names
    an asset, below the folder that all the pictures share: a folder of the machine is not taken for a member.

    Args:
        images: of one survey.
        names: of all assets.
        survey_asset: of the whole survey: whose spans and members are meant where no folder names an asset.
    """
    outcome = Outcome()
    root = common_folder(images)
    known: dict[PurePath, Assignment | str | None] = {}  # pictures of one folder share the answer
    for image in images:
        folder = PurePath(image.path).parent
        if folder not in known:
            try:
                known[folder] = _of_folder(folder, root, names, survey_asset)
            except MizuhashiError as error:
                known[folder] = str(error)
        found = known[folder]
        if isinstance(found, Assignment):
            outcome.given[image.uid] = found
            if _LEFT_OUT in found.note:
                outcome.remarks.append((PurePath(image.path).name, found.note))
        elif found is not None:
            outcome.remarks.append((PurePath(image.path).name, found))
    return outcome


_LEFT_OUT = "left out: "


def common_folder(images: Sequence[Image]) -> PurePath | None:
    """Return the folder that all pictures lie in or below, or None without pictures."""
    folders = {PurePath(image.path).parent for image in images}
    return PurePath(os.path.commonpath(folders)) if folders else None


def _of_folder(
    folder: PurePath, root: PurePath | None, names: AssetNames, survey_asset: Asset | None
) -> Assignment | None:
    """Return what one folder's path says, or None.

    Raises:
        RecordError: a folder's name fits several assets.
    """
    parts = folder.parts
    named = [(place, found) for place, part in enumerate(parts) if (found := names.find(part)) is not None]
    asset, confidence, words = survey_asset, BY_SPAN, []
    start = len(root.parts) if root is not None else 0
    if named:
        place, (asset, confidence) = named[-1]
        start = place + 1
        words.append(f"folder {parts[place]!r}")
        if len({found.uid for _, (found, _) in named}) > 1:
            confidence *= SEVERAL
            words.append("a folder above names another asset")
    span, member = _below(parts[start:], loose=bool(named), words=words)
    if not named and span is None and member is None:
        return None
    try:
        check_place(asset, span, member)
    except MizuhashiError as error:
        words.append(f"{_LEFT_OUT}{error}")
        span, member = _possible(asset, span), None
        if not named and span is None:
            raise
    uid = asset.uid if named and asset is not None else None
    return Assignment(uid, span, member, AssignmentSource.FOLDER, round(confidence, 3), "; ".join(words))


def _below(parts: Sequence[str], *, loose: bool, words: list[str]) -> tuple[int | None, str | None]:
    """Return the span and the member that folders name, the last of each; a member stands below its span."""
    span: int | None = None
    member: str | None = None
    for part in parts:
        number = span_number(part)
        if number is not None:
            span, member = number, None
            words.append(f"folder {part!r}")
            continue
        symbol = member_symbol(part, exact=not (loose or span is not None))
        if symbol is not None:
            member = symbol
            words.append(f"folder {part!r}")
    return span, member


def _possible(asset: Asset | None, span: int | None) -> int | None:
    try:
        check_place(asset, span, None)
    except MizuhashiError:
        return None
    return span


def span_number(text: str) -> int | None:
    """Return the number of a span written like 径間1, 第1径間, span 01, S-1 or 1径間; None if it is none."""
    found = _SPAN.fullmatch(folded(text))
    return int(found[1] or found[2]) if found else None


def find_images(images: Sequence[Image], wanted: str) -> list[Image]:
    """Return the pictures of an id, its first letters (8 or more), a file name, or a pattern such as ``DJI_00*.JPG``.

    Raises:
        InputError: none fits, or a plain name fits several.
    """
    exact = [image for image in images if image.uid == wanted or image.sha256 == wanted]
    if exact:
        return exact
    name = unicodedata.normalize("NFC", wanted)
    if any(mark in wanted for mark in "*?["):
        found = [image for image in images if fnmatch.fnmatchcase(_name(image), name)]
    else:
        found = [image for image in images if _name(image) == name]
        if not found and len(wanted) >= 8:
            found = [image for image in images if image.uid.startswith(wanted)]
        if len(found) > 1:
            places = ", ".join(str(Path(image.path).parent) for image in found[:3])
            raise InputError(
                f"{wanted!r} fits {len(found)} pictures (in {places}); name one by its id, or use a pattern"
            )
    if not found:
        examples = ", ".join(_name(image) for image in images[:3])
        raise InputError(f"no picture {wanted!r} in this survey; expected an id or a file name such as {examples}")
    return found


def _name(image: Image) -> str:
    return unicodedata.normalize("NFC", PurePath(image.path).name)


def by_hand(
    images: Sequence[Image],
    *,
    asset: Asset | None,
    span: int | None,
    member: str | None,
    assets: Mapping[str, Asset],
    survey_asset: Asset | None = None,
) -> Outcome:
    """Return what a person says of some pictures; what is not given keeps what was known.

    Args:
        images: to assign.
        asset: or None: as before.
        span: or None: as before.
        member: symbol, or None: as before.
        assets: by uid.
        survey_asset: of the whole survey.

    Raises:
        RecordError: the asset has no such span or member; nothing is assigned then.
        GradingError: an unknown member.
    """
    outcome = Outcome()
    for image in images:
        before = image.assignment
        stays = before is not None and (asset is None or before.asset_uid in (None, asset.uid))
        kept = before if stays else None
        uid = asset.uid if asset is not None else kept.asset_uid if kept else None
        new_span = span if span is not None else kept.span if kept else None
        # another span has its own members: the old one's member is not carried over
        same_span = kept is not None and (kept.span is None or span in (None, kept.span))
        new_member = member if member is not None else kept.member if kept and same_span else None
        check_place(assets[uid] if uid is not None else survey_asset, new_span, new_member)
        guessed = asset is None and uid is not None and before is not None and before.source != AssignmentSource.PERSON
        note = f"set by hand; asset from {before.source.value}: {before.note}" if before and guessed else "set by hand"
        confidence = before.confidence if before and guessed else 1.0
        outcome.given[image.uid] = Assignment(uid, new_span, new_member, AssignmentSource.PERSON, confidence, note)
    return outcome
