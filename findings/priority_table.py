"""The planner's priority list (優先順位一覧) as sheets: one row a finding, in the order of the ranking.

The columns are those of the domain guide 3.3. What is the agency's to decide (measure class, method, cost, funding,
years of works, new technology) stays empty unless its own record says it; nothing of that is made up here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from findings.asset import Asset, AssetKind
from findings.asset_rollup import AssetPriority, asset_rollup
from findings.exports.encoding import Cell, Row
from findings.exports.sheet import Sheet
from findings.exports.words import member_words, pick
from findings.finding import Finding, Priority, Term
from findings.fiscal_year import fiscal_year, wareki
from findings.issued import IssuedRow
from findings.moves import Move
from findings.priority_columns import (
    ASSET_COLUMNS,
    COLUMNS,
    FORMATS,
    FROZEN,
    GONE_COLUMNS,
    NOTES,
    OWN,
    SECTIONS,
    TEXTS,
    TITLES,
    WIDE,
    heading,
)
from findings.priority_dates import deadline_of
from findings.ranking import CANDIDATE, Ranking
from findings.review import LISTED, Review
from findings.standard import load_standard
from findings.taxonomy import code_range, damage_type
from findings.wording import Language, main_measures, measure_text

LARGEST = 3
KINDS = {AssetKind.BRIDGE: ("橋梁", "bridge"), AssetKind.RIVER_REACH: ("河川", "river")}
ROMAN = {"I": "Ⅰ", "II": "Ⅱ", "III": "Ⅲ", "IV": "Ⅳ"}
DRAFT = ("暫定", "provisional")


@dataclass(frozen=True, slots=True)
class ListFacts:
    """What a list is made of.

    Attributes:
        ranking: of all findings, with the day of the list.
        priorities: `Ranking.priorities`, in list order.
        reviews: the latest of each finding, by its uid.
        surveys: names by uid.
        pictures: file names by uid of the picture.
        moves: against the last issued list, by finding; empty where none was issued.
        gone: rows of that list that have no place in this one.
        gone_findings: what these rows were about, by uid, as far as the record still has it.
    """

    ranking: Ranking
    priorities: Sequence[Priority]
    reviews: Mapping[str, Review]
    surveys: Mapping[str, str]
    pictures: Mapping[str, str]
    moves: Mapping[str, Move] = field(default_factory=dict)
    gone: Sequence[IssuedRow] = ()
    gone_findings: Mapping[str, Finding] = field(default_factory=dict)


def priority_sheet(facts: ListFacts, language: Language = "ja") -> Sheet:
    """Return the whole list as one sheet: official and confirmed findings first, candidates last, each row says so."""
    return _sheet(facts, "list", language, range(len(facts.priorities)))


def priority_sheets(facts: ListFacts, language: Language = "ja") -> tuple[Sheet, ...]:
    """Return the list as sheets of a workbook.

    First what people confirmed or the record states, then the unreviewed candidates by themselves, then one row an
    asset, and what the last issued list had and this one has not.
    """
    candidates = [n for n, priority in enumerate(facts.priorities) if priority.section == CANDIDATE]
    others = [n for n, priority in enumerate(facts.priorities) if priority.section != CANDIDATE]
    gone = (_gone_sheet(facts, language),) if facts.gone else ()
    return (
        _sheet(facts, "list", language, others),
        _sheet(facts, "candidates", language, candidates),
        _asset_sheet(facts, language),
        *gone,
    )


def record_only(ranking: Ranking) -> tuple[AssetPriority, ...]:
    """Return the assets that their official record alone brings into the list: no row of a finding stands for them."""
    return tuple(row for row in asset_rollup(ranking) if row.worst_uid is None)


def _sheet(facts: ListFacts, key: str, language: Language, indices: Sequence[int]) -> Sheet:
    columns = tuple(heading(COLUMNS, name, language) for name in COLUMNS)
    rows = tuple(dict(zip(columns, _cells(facts, index, language), strict=True)) for index in indices)
    return Sheet(
        key=key,
        title=pick(TITLES[key], language),
        columns=columns,
        rows=rows,
        own=OWN,
        texts=frozenset(heading(COLUMNS, name, language) for name in TEXTS),
        notes=tuple(_notes(facts, language)),
        wide=frozenset(heading(COLUMNS, name, language) for name in WIDE),
        formats={heading(COLUMNS, name, language): style for name, style in FORMATS.items()},
        frozen=FROZEN,
    )


def _notes(facts: ListFacts, language: Language) -> Iterator[str]:
    yield from (pick(note, language) for note in NOTES)
    yield f"{'優先度の設定' if language == 'ja' else 'priority profile'}: {facts.ranking.profile.label}"
    yield from warnings(facts, language)


def warnings(facts: ListFacts, language: Language) -> Iterator[str]:
    """Yield what the rows do not say: assets without a finding that are due, and findings that are gone."""
    if record := record_only(facts.ranking):
        names = ", ".join(facts.ranking.assets[row.asset_uid].name for row in record)
        ja = f"公式記録だけで対象となる施設{len(record)}件は所見の行がない: {names}"
        yield ja if language == "ja" else f"{len(record)} assets are due by their record and have no finding: {names}"
    if facts.gone:
        ja = f"前回の一覧にあり今回ない所見が{len(facts.gone)}件ある(説明が必要)"
        yield ja if language == "ja" else f"{len(facts.gone)} findings of the last list are gone: to be explained"


def _cells(facts: ListFacts, index: int, language: Language) -> Iterator[Cell]:
    """Yield the cells of `COLUMNS`."""
    finding, priority = facts.ranking.findings[index], facts.priorities[index]
    asset = facts.ranking.assets.get(finding.asset_uid or "")
    move = facts.moves.get(finding.uid)
    yield priority.rank
    yield round(priority.score, 1)
    yield pick(SECTIONS[priority.section], language)
    yield from _asset_cells(asset, finding, facts, language)
    yield from _finding_cells(finding, facts, language)
    yield from _weights_cells(asset, language)
    yield _known(finding.details.get("measure_class")) or _attribute(asset, "measure_class")
    yield from (None,) * 6  # method, cost, funding, first and last year of works, new technology: the agency's
    yield move.previous_rank if move is not None else None
    yield None if move is None else move.words_ja if language == "ja" else move.words_en
    yield facts.pictures.get(finding.image_uid)
    yield from _own_cells(finding, priority, facts, language)


def _asset_cells(asset: Asset | None, finding: Finding, facts: ListFacts, language: Language) -> Iterator[Cell]:
    """Yield kind to deadline; the position is the finding's own where it is known."""
    kind = asset.kind if asset is not None else AssetKind(
        "bridge" if finding.domain.value == "bridge" else "river_reach"
    )  # fmt: skip
    place = finding.geometry_lonlat if finding.geometry_lonlat is not None else asset.geometry if asset else None
    point = place.representative_point() if place is not None and not place.is_empty else None
    today, built = facts.ranking.today, _year(asset, "built_fy")
    due = deadline_of(asset)
    yield pick(KINDS[kind], language)
    yield asset.external_ids.get("xroad_shisetsu_id") if asset is not None else None
    yield finding.asset_uid
    yield asset.name if asset is not None else None
    yield _attribute(asset, "route_name") or _river_name(asset)
    yield _attribute(asset, "office_name")
    yield _attribute(asset, "municipality")
    yield round(point.y, 6) if point is not None else None
    yield round(point.x, 6) if point is not None else None
    yield _number(asset, "length_m")
    yield _number(asset, "width_m")
    yield _year_words(built, language)
    yield fiscal_year(today) - built if today is not None and built is not None else None
    yield _year_words(_year(asset, "inspection_fy"), language)
    yield _soundness(asset, language)
    yield due.isoformat() if due is not None else None


def _finding_cells(finding: Finding, facts: ListFacts, language: Language) -> Iterator[Cell]:
    """Yield main damage, place, what the model says, review state, reviewer and day."""
    review = facts.reviews.get(finding.uid)
    yield _token(finding, language, final=True) if finding.status in LISTED else None
    yield _place(finding, language)
    yield _said(finding, language)
    yield _status(finding, language)
    yield review.reviewer if review is not None else None
    yield review.at.date().isoformat() if review is not None else None


def _token(finding: Finding, language: Language, *, final: bool) -> str:
    """Return ``⑦剥離・鉄筋露出-d/e(暫定)``: an engineer's grade where there is one and it is asked for."""
    kind, grade = damage_type(finding.damage), finding.grade
    name = f"{kind.number}{kind.ja}" if language == "ja" else f"{kind.number} {kind.en}".strip()
    if final and finding.final_grade:
        return f"{name}-{finding.final_grade}"
    if grade is None or not grade.codes:
        return name
    draft = f"({pick(DRAFT, language)})" if grade.status == "draft" else ""
    return f"{name}-{code_range(grade.codes, kind.grades)}{draft}"


def _said(finding: Finding, language: Language) -> str:
    sizes = [measure_text(measure, language) for measure in main_measures(finding.measures)]
    sure = ("確信度", "model score")[language == "en"]
    return "; ".join([_token(finding, language, final=False), *sizes, f"{sure} {finding.score:.2f}"])


def _place(finding: Finding, language: Language) -> str | None:
    span = None if finding.span is None else f"{finding.span}径間" if language == "ja" else f"span {finding.span}"
    chainage = finding.details.get("chainage_km")
    km = f"{chainage:.2f} km" if isinstance(chainage, int | float) else None
    parts = (member_words(finding.member, language), span, finding.element_no, finding.side, km)
    return " / ".join(part for part in parts if part) or None


def _status(finding: Finding, language: Language) -> str:
    return next(str(r[language]) for r in load_standard("ui_words")["statuses"] if r["code"] == finding.status.value)


def _weights_cells(asset: Asset | None, language: Language) -> Iterator[Cell]:
    """Yield emergency route, traffic, detour and third parties as the inventory has them."""
    route, below = (asset.attributes.get(k) if asset else None for k in ("emergency_route", "third_party_below"))
    if route is not None and str(route) in ("1", "2", "3", "0"):
        none = pick(("指定なし", "none"), language)
        yield none if str(route) == "0" else f"第{route}次" if language == "ja" else f"class {route}"
    else:
        yield _known(route)
    yield _number(asset, "aadt")
    detour = asset.attributes.get("detour_km") if asset is not None else None
    yield pick(("迂回路なし", "isolated"), language) if detour == "isolated" else _number(asset, "detour_km")
    if isinstance(below, bool | int | float):
        words = pick(("あり", "yes") if below else ("なし", "no"), language)
        yield words if below in (0, 1) else f"{words} {100 * below:.0f} %"
    else:
        yield _known(below)


def _own_cells(finding: Finding, priority: Priority, facts: ListFacts, language: Language) -> Iterator[Cell]:
    """Yield why it stands there, how far missing inputs could move it, survey, day of the picture and id."""
    yield _span(priority.best_rank, priority.worst_rank, language)
    yield _because(priority, language)
    yield _missing(priority, language)
    yield facts.surveys.get(finding.survey_uid)
    yield finding.captured_at.date().isoformat() if finding.captured_at is not None else None
    yield finding.uid


def _because(priority: Priority, language: Language) -> str:
    """Return the hard rules, then the three largest contributions, with their points."""
    rules = [term for term in priority.terms if term.name == "hard_rule"]
    others = [term for term in priority.terms if term.name != "hard_rule" and term.contribution > 0][:LARGEST]
    return "; ".join([*(_words(term, language) for term in rules), *(_points(term, language) for term in others)])


def _missing(priority: Priority, language: Language) -> str | None:
    """Return each missing input with the ranks between which it leaves the finding, the widest range first."""
    found = [term for term in priority.terms if term.value is None and term.best_rank]
    found.sort(key=lambda term: (term.best_rank - term.worst_rank, term.name))
    return "; ".join(_range(term, language) for term in found) or None


def _range(term: Term, language: Language) -> str:
    """Return what is said of a missing input (no data, unreadable, a bridge half known), and the ranks it leaves."""
    if term.best_rank == term.worst_rank:
        return _words(term, language) + pick(("、順位への影響なし", ", rank unaffected"), language)
    ranks = _span(term.best_rank, term.worst_rank, language)
    return f"{_words(term, language)}{pick(('、順位', ', rank '), language)}{ranks}"


def _span(best: int, worst: int, language: Language) -> str:
    """Return a range of ranks; never ``1-6``, which a spreadsheet would read as a day."""
    return str(best) if best == worst else f"{best}{pick(('～', ' to '), language)}{worst}"


def _points(term: Term, language: Language) -> str:
    return f"{_words(term, language)} {term.contribution:+.1f}{pick(('点', ''), language)}"


def _words(term: Term, language: Language) -> str:
    return term.words_ja if language == "ja" else term.words_en


def _asset_sheet(facts: ListFacts, language: Language) -> Sheet:
    """Return one row an asset, with those that their official record alone brings into the list."""
    columns = tuple(heading(ASSET_COLUMNS, name, language) for name in ASSET_COLUMNS)
    rows = [
        dict(zip(columns, _rolled_up(row, facts.ranking.assets[row.asset_uid], language), strict=True))
        for row in asset_rollup(facts.ranking)
    ]
    return Sheet(
        key="assets",
        title=pick(TITLES["assets"], language),
        columns=columns,
        rows=tuple(rows),
        texts=frozenset({heading(ASSET_COLUMNS, "asset_uid", language)}),
        wide=frozenset(heading(ASSET_COLUMNS, name, language) for name in ("because", "together")),
        formats={heading(ASSET_COLUMNS, "score", language): FORMATS["score"]},
        frozen=FROZEN,
    )


def _rolled_up(row: AssetPriority, asset: Asset, language: Language) -> Iterator[Cell]:
    due = deadline_of(asset)
    shown = [term for term in row.terms if term.name == "hard_rule"]
    said = [_words(term, language) for term in shown]
    said += [_points(term, language) for term in row.terms if term.contribution > 0][:LARGEST]
    yield row.rank
    yield round(row.score, 1)
    yield pick(SECTIONS[row.section], language)
    yield asset.name
    yield pick(KINDS[asset.kind], language)
    yield row.asset_uid
    yield _soundness(asset, language)
    yield due.isoformat() if due is not None else None
    yield row.findings
    yield row.candidates
    yield "; ".join(said) or None
    yield "; ".join(pick((one.words_ja, one.words_en), language) for one in row.co_occurrences) or None


def _gone_sheet(facts: ListFacts, language: Language) -> Sheet:
    """Return what stood in the last issued list and has no place in this one: it must be accounted for."""
    columns = tuple(heading(GONE_COLUMNS, name, language) for name in GONE_COLUMNS)
    rows: list[Row] = []
    for old in facts.gone:
        asset, finding = facts.ranking.assets.get(old.asset_uid or ""), facts.gone_findings.get(old.finding_uid)
        said = _token(finding, language, final=True) if finding is not None else None
        cells = (old.rank, round(old.score, 1), asset.name if asset is not None else None, said, old.finding_uid)
        rows.append(dict(zip(columns, cells, strict=True)))
    return Sheet(key="gone", title=pick(TITLES["gone"], language), columns=columns, rows=tuple(rows), frozen=1)


def _soundness(asset: Asset | None, language: Language) -> str | None:
    """Return the OFFICIAL class as the forms write it: ``Ⅲ``."""
    given = asset.soundness if asset is not None else None
    return ROMAN.get(given, given) if given is not None and language == "ja" else given


def _river_name(asset: Asset | None) -> str | None:
    if asset is None or asset.kind is not AssetKind.RIVER_REACH:
        return None
    return _attribute(asset, "river_name") or asset.name


def _year_words(year: int | None, language: Language) -> str | None:
    """Return a fiscal year in both calendars, as planners write it; it still sorts by the western one."""
    if year is None:
        return None
    return f"{year}({wareki(year)})" if language == "ja" else f"FY{year}"


def _year(asset: Asset | None, name: str) -> int | None:
    value = asset.attributes.get(name) if asset is not None else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(asset: Asset | None, name: str) -> int | float | None:
    value = asset.attributes.get(name) if asset is not None else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _attribute(asset: Asset | None, name: str) -> str | None:
    return _known(asset.attributes.get(name)) if asset is not None else None


def _known(value: object) -> str | None:
    return str(value) if value is not None else None
