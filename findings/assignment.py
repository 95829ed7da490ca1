"""Which of two opinions on what a picture shows counts, and what an inventory allows."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

from findings.asset import Asset, AssetKind
from findings.errors import RecordError
from findings.survey import Assignment, AssignmentSource
from findings.taxonomy import load_standard, member_kind

_STRENGTH = {source: -rank for rank, source in enumerate(AssignmentSource)}


def merged(stored: Assignment | None, given: Assignment) -> Assignment:
    """Return what is known after a new opinion: the stronger source counts, the other only fills what it left open.

    Person > table > folder > nearest > survey; of two opinions of one source the later one counts. Nothing is filled
    from an opinion on another asset, and no member from one on another span. The confidence is the lower one wherever
    both went in. Giving the same opinion again changes nothing.
    """
    if stored is None or stored == given:
        return given
    later_counts = _STRENGTH[given.source] >= _STRENGTH[stored.source]
    first, second = (given, stored) if later_counts else (stored, given)
    if None not in (first.asset_uid, second.asset_uid) and first.asset_uid != second.asset_uid:
        return first
    filled = [name for name in _FIELDS if getattr(first, name) is None and getattr(second, name) is not None]
    if None not in (first.span, second.span) and first.span != second.span:
        filled = [name for name in filled if name != "member"]  # a member of another span
    if not filled:
        return first
    whole = replace(first, **{name: getattr(second, name) for name in filled})
    same = all(getattr(whole, name) == getattr(stored, name) for name in (*_FIELDS, "source"))
    if same and stored.note.startswith(given.note):
        return stored  # said before, and filled up since
    words = ", ".join(_FIELDS[name] for name in filled)
    note = "; ".join(filter(None, (first.note, f"{words} from {second.source.value}: {second.note}".rstrip(": "))))
    return replace(whole, confidence=min(first.confidence, second.confidence), note=note)


_FIELDS = {"asset_uid": "asset", "span": "span", "member": "member"}


def check_place(asset: Asset | None, span: int | None, member: str | None) -> None:
    """Refuse a span or member that the asset cannot have; what the inventory does not list is not refused.

    Raises:
        RecordError: a span below 1 or not in the inventory's list; a bridge's part on a river reach; a member that
            the inventory does not list for a span whose members it lists.
        GradingError: an unknown member.
    """
    if span is not None and span < 1:
        raise RecordError(f"span {span}: spans (径間) are counted from 1")
    if member is not None:
        member_kind(member)
    if asset is None or (span is None and member is None):
        return
    if asset.kind is AssetKind.RIVER_REACH:
        what = f"member {member}" if member is not None else f"span {span}"
        raise RecordError(f"{what}: {asset.name} ({asset.uid}) is a river reach; only bridges have spans and members")
    if not asset.spans:
        return
    if span is not None and span not in {known.number for known in asset.spans}:
        numbers = ", ".join(str(known.number) for known in asset.spans)
        raise RecordError(f"span {span}: {asset.name} ({asset.uid}) has the spans {numbers}")
    chosen = [known for known in asset.spans if span in (None, known.number)]
    if member is not None and all(known.members for known in chosen):
        listed = sorted({symbol for known in chosen for symbol in known.members})
        if member not in listed:
            where = f"span {span} of {asset.name}" if span is not None else asset.name
            raise RecordError(
                f"member {member}: the inventory lists {', '.join(listed)} for {where} ({asset.uid}); "
                "choose one of these, or import the asset again with this member"
            )


def folded(text: str) -> str:
    """Return text for comparison: NFKC, spelling variants of the forms (床板 -> 床版), no spaces, lower case."""
    wanted = "".join(unicodedata.normalize("NFKC", text).split())
    for variant, usual in load_standard("damage_types_mlit26")["aliases"].items():
        wanted = wanted.replace(variant, usual)
    return wanted.casefold()


def member_symbol(text: str, *, exact: bool = False) -> str | None:
    """Return the symbol of a member named by its symbol, its Japanese or its English name, or None.

    ``Mg``, ``Mg0101`` (with an element number), ``主桁``, ``Mg 主桁`` and ``main girder`` all give ``Mg``.

    Args:
        text: any spelling, width and case.
        exact: take symbols only as the forms write them (``Mg``, not ``MG``), and no English names.
    """
    wanted = folded(text)
    written = unicodedata.normalize("NFKC", text).strip()
    for row in load_standard("members")["members"]:
        symbol, ja = row["symbol"], folded(row["ja"])
        names = {ja, folded(symbol + row["ja"]), folded(f"{row['ja']}({symbol})")}
        names |= {folded(f"{symbol}{mark}{row['ja']}") for mark in "_-"}
        if wanted in names or (written[:2] == symbol and (len(written) == 2 or _element_number(written[2:]))):
            return str(symbol)
        if not exact and (wanted in (symbol.casefold(), folded(row["en"])) or _is_element(wanted, symbol)):
            return str(symbol)
    return None


def _is_element(wanted: str, symbol: str) -> bool:
    return wanted.startswith(symbol.casefold()) and _element_number(wanted[len(symbol) :])


def _element_number(text: str) -> bool:
    return len(text) == 4 and text.isascii() and text.isdigit()


def named_member(text: str) -> str:
    """Return the symbol of a member in any spelling.

    Raises:
        GradingError: there is no such member.
    """
    symbol = member_symbol(text)
    return symbol if symbol is not None else member_kind(text).symbol
