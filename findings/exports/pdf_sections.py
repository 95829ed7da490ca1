"""The report's pages about the survey as a whole: title, summary, what was not seen, provenance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from reportlab.lib.units import mm
from reportlab.platypus import Flowable, PageBreak, Spacer

from findings.asset import Asset, Structure
from findings.exports.pdf_base import Bookmark, Pen
from findings.exports.pdf_cards import status_words
from findings.exports.record import Coverage, ModelFacts, SurveyRecord, grade_text
from findings.exports.summary_sheet import absent_words, grade_now, summary
from findings.exports.words import damage_words, member_words, pick, state_words
from findings.finding import FindingStatus
from findings.rollup import MemberRow
from findings.survey import ImageStatus
from findings.taxonomy import code_range, damage_type
from findings.wording import number

MOST_LIMITS = 12


def title_page(record: SurveyRecord, pen: Pen) -> Iterator[Flowable]:
    """Yield the title page: which survey, which assets, how much was found, and what the report is not."""
    yield Spacer(0, 30 * mm)
    yield Bookmark(pen.word("title"), "title", 0)
    yield pen.text(pen.word("title"), "title")
    names = [record.assets[uid].name for uid in record.asset_uids]
    yield pen.text(", ".join(names[:5]) + (" ..." if len(names) > 5 else "") or pen.word("unassigned"), "h1")
    yield pen.facts(list(_survey_facts(record, pen)))
    for uid in record.asset_uids[:10]:
        yield Spacer(0, 4 * mm)
        yield pen.facts(list(_asset_facts(record.assets[uid], pen)), style="small")
    yield Spacer(0, 8 * mm)
    for key in ("provisional", "no_diagnosis", "silence"):
        yield pen.remark(key)
    yield PageBreak()


def _survey_facts(record: SurveyRecord, pen: Pen) -> Iterator[tuple[str, str]]:
    yield pen.word("survey"), record.survey.name
    days = sorted({image.captured_at.date().isoformat() for image in record.images if image.captured_at is not None})
    dash = "～" if pen.language == "ja" else " to "
    yield pen.word("captured"), dash.join(dict.fromkeys([days[0], days[-1]])) if days else "-"
    judged = sum(image.status is ImageStatus.INSPECTED for image in record.images)
    yield pen.word("pictures"), f"{len(record.images)} ({pen.word('judged')} {judged})"
    counts = Counter(entry.finding.status for entry in record.entries)
    words = [f"{status_words(status, pen.language)} {counts[status]}" for status in FindingStatus if counts[status]]
    yield pen.word("counts"), f"{len(record.entries)}" + (f" ({', '.join(words)})" if words else "")
    yield pen.word("previous"), record.previous or "-"
    yield pen.word("as_of"), record.as_of.strftime("%Y-%m-%d %H:%M UTC")
    yield pen.word("software"), record.software


def _asset_facts(asset: Asset, pen: Pen) -> Iterator[tuple[str, str]]:
    known = asset.attributes
    yield pen.word("asset"), asset.name
    yield pen.word("kind"), pen.word(asset.kind.value)
    if asset.structure is not Structure.UNKNOWN:
        yield pen.word("structure"), asset.structure.value
    ids = [asset.uid, *(f"{name}: {value}" for name, value in asset.external_ids.items())]
    yield pen.word("ids"), ", ".join(ids)
    named = (("route_name", "route", ""), ("administrator_name", "administrator", ""), ("length_m", "length", " m"),
             ("width_m", "width", " m"), ("built_fy", "built", ""))  # fmt: skip
    for key, name, unit in named:
        if known.get(key) is not None:
            value = known[key]
            yield pen.word(name), (f"{value:g}" if isinstance(value, int | float) else str(value)) + unit
    if asset.spans:
        yield pen.word("spans"), str(len(asset.spans))
    if asset.chainage_km is not None:
        yield pen.word("chainage"), f"{asset.chainage_km[0]:g} - {asset.chainage_km[1]:g} km"
    if asset.geometry is not None:
        point = asset.geometry.representative_point()
        yield pen.word("position"), f"{point.y:.6f}, {point.x:.6f}"
    yield pen.word("soundness"), asset.soundness or "-"


def summary_pages(record: SurveyRecord, pen: Pen) -> Iterator[Flowable]:
    """Yield the worst grades of each member, this time and last time, and what must be explained."""
    yield from pen.bookmarked("summary")
    yield pen.text(pen.word("member_grades"), "h2")
    rows = summary(record)
    if rows:
        names = ("asset", "span", "member", "damage", "now", "previous", "count", "review", "note")
        widths = (20, 9, 17, 22, 9, 10, 9, 20, 24)
        first = 0 if len({row.asset_uid for row in rows}) > 1 else 1  # one asset needs no column for its name
        marked = [number for number, row in enumerate(rows) if row.ng]
        cells = [_member_cells(row, record, pen)[first:] for row in rows]
        yield pen.table([pen.word(name) for name in names][first:], cells, widths[first:], marked)
    else:
        yield pen.text(pen.word("no_findings"))
    yield from _explain(record, pen)
    left_out = len(record.entries) - len(record.forms)
    if left_out:
        yield pen.remark("left_out", "small", count=left_out)
    yield PageBreak()


def _member_cells(row: MemberRow, record: SurveyRecord, pen: Pen) -> tuple[str, ...]:
    leader = row.representative
    asset = record.assets.get(row.asset_uid or "")
    member = " ".join(filter(None, (member_words(row.member, pen.language), row.element_no)))
    marks = ["NG"] if row.ng else []
    marks += [pen.word("provisional_foot")] if row.provisional else []
    absent = absent_words(row, pen.language)
    return (
        asset.name if asset is not None else "-",
        str(row.span or "-"),
        member or "-",
        damage_words(row.damage, pen.language),
        grade_now(row) or "-",
        code_range(row.previous_codes, damage_type(row.damage).grades) or "-",
        str(row.count),
        status_words(leader.status, pen.language) if leader is not None else "",
        " ".join([*marks, *([absent] if absent else [])]),
    )


def _explain(record: SurveyRecord, pen: Pen) -> Iterator[Flowable]:
    yield Spacer(0, 4 * mm)
    yield pen.text(pen.word("ng_list"), "h2")
    if record.previous is None:
        yield pen.remark("not_compared")
        return
    if not record.lost:
        yield pen.remark("no_ng", name=record.previous)
        return
    heads = [pen.word(name) for name in ("span", "member", "damage", "previous", "state", "note", "id")]
    rows = []
    for lost in record.lost:
        before, track = lost.previous, lost.track
        note = track.note_ja if pen.language == "ja" else track.note_en
        cells = (
            str(before.span or "-"),
            member_words(before.member, pen.language) or "-",
            damage_words(before.damage, pen.language),
            grade_text(before) or "-",
            state_words(track.state, pen.language),
            note,
            before.uid[:8],
        )
        rows.append(cells)
    yield pen.table(heads, rows, (9, 16, 24, 10, 22, 40, 12))


def coverage_pages(record: SurveyRecord, pen: Pen) -> Iterator[Flowable]:
    """Yield what was seen well enough and what was not, each with its reason."""
    yield PageBreak()
    yield from pen.bookmarked("coverage")
    yield pen.remark("silence")
    for one in record.coverage:
        yield pen.text(one.asset_name or pen.word("unassigned"), "h2")
        yield from _coverage(one, pen)
    yield Spacer(0, 4 * mm)
    if not record.unseen:
        yield pen.text(pen.word("no_gaps"))
        return
    names = [pen.word(name) for name in ("asset", "span", "member", "picture", "reason", "details")]
    first = 0 if len(record.coverage) > 1 else 1
    rows = [
        (one.asset_name, str(one.span or "-"), member_words(one.member, pen.language) or "-", one.picture or "-",
         pick((one.ja, one.en), pen.language), one.why)[first:]
        for one in record.unseen
    ]  # fmt: skip
    yield pen.table(names[first:], rows, (24, 7, 18, 26, 16, 34)[first:])


def _coverage(one: Coverage, pen: Pen) -> Iterator[Flowable]:
    if one.cracks is not None:
        width, gsd, fit, total = one.cracks
        yield pen.remark("cracks", width=width, gsd=gsd, fit=fit, total=total)
    if one.plan is not None:
        total_size, unit, seen, clear = one.plan
        yield pen.remark("plan", total=total_size, unit="m²" if unit == "m2" else "m", seen=seen, fit=clear)
    if one.members:
        names = ("span", "member", "pictures", "fine", "judged", "area", "not_seen")
        rows = [
            (str(row.span or "-"), member_words(row.member, pen.language) or pen.word("unassigned"), str(row.pictures),
             str(row.fit), str(row.judged), number(row.area_m2) if row.area_m2 is not None else "-",
             ", ".join(f"{pick((ja, en), pen.language)} {count}" for ja, en, count in row.gaps))
            for row in one.members
        ]  # fmt: skip
        yield pen.table([pen.word(name) for name in names], rows, (9, 24, 12, 16, 12, 16, 40))
    if one.days:
        heads = [pen.word(name) for name in ("day", "scenes", "in_view", "clear", "note")]
        days = [
            (day.day or "-", str(day.scenes), f"{day.in_view:.0%}", f"{day.clear:.0%}",
             pen.word("unmasked") if day.unmasked else "")
            for day in one.days
        ]  # fmt: skip
        yield pen.table(heads, days, (16, 10, 14, 14, 30))
    for note in one.notes:
        yield pen.text("・ " + pick(note, pen.language), "small")


def provenance_pages(record: SurveyRecord, pen: Pen) -> Iterator[Flowable]:
    """Yield where everything comes from: program, models with digests and numbers, standards, people, pictures."""
    yield PageBreak()
    yield from pen.bookmarked("provenance")
    yield pen.facts(list(_made(record, pen)), style="small")
    for model in record.models:
        yield from _model(model, pen)
    yield pen.remark("pixels", "small")
    yield pen.text(pen.word("files"), "h2")
    rows = [(image.path.replace("\\", "/").rsplit("/", 1)[-1], image.sha256) for image in record.images]
    yield pen.table([pen.word("picture"), "sha256"], rows, (40, 80))


def _made(record: SurveyRecord, pen: Pen) -> Iterator[tuple[str, str]]:
    yield pen.word("software"), record.software
    yield pen.word("code"), ", ".join(record.code_versions) or "-"
    grades = [entry.finding.grade for entry in record.entries]
    used = {f"{grade.standard} {grade.version} ({grade.status})" for grade in grades if grade is not None}
    yield pen.word("standards"), ", ".join(sorted(used)) or "-"
    profiles = {entry.priority.profile for entry in record.entries if entry.priority is not None}
    yield pen.word("priority"), ", ".join(sorted(profiles)) or "-"
    people = Counter(review.reviewer for entry in record.entries for review in entry.reviews)
    named = ", ".join(f"{name} ({count})" for name, count in sorted(people.items()))
    yield pen.word("people"), named or pen.word("nobody")


def _model(model: ModelFacts, pen: Pen) -> Iterator[Flowable]:
    yield pen.text(f"{model.name}@{model.version}", "h2")
    rows = [(pen.word("weights"), model.weights_sha256 or "-"), (pen.word("counts"), str(model.findings))]
    if model.note[0]:
        rows.append((pen.word("note"), pick(model.note, pen.language)))
    for found in model.verified:
        name = found.damage if found.damage == "water" else damage_words(found.damage, pen.language)
        shares = [
            f"{pen.word(word)} {_share(value, ends)}"
            for word, value, ends in (
                ("recall", found.recall, found.recall_95),
                ("precision", found.precision, found.precision_95),
            )
        ]
        rows.append((pen.word("verified"), f"{name} ({found.name}): {', '.join(shares)}; {found.data}"))
    rows += [(pen.word("limits"), limit) for limit in model.limits[:MOST_LIMITS]]
    yield pen.facts(rows, style="small")


def _share(value: float | None, ends: tuple[float, float] | None) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.0f} %" + (f" ({100 * ends[0]:.0f}-{100 * ends[1]:.0f})" if ends else "")
