"""The words of the inspection report in Japanese and English."""

from __future__ import annotations

from collections.abc import Mapping

from findings.wording import Language

WORDS: Mapping[str, tuple[str, str]] = {
    "title": ("点検所見報告書", "Inspection findings report"),
    "provisional_foot": ("暫定", "provisional"),
    "summary": ("総括", "Summary"),
    "findings": ("所見", "Findings"),
    "coverage": ("確認できなかった範囲", "What was not seen"),
    "provenance": ("来歴", "Provenance"),
    "annex": ("使用結果報告", "Technology used"),
    "survey": ("調査", "Survey"),
    "asset": ("施設", "Asset"),
    "kind": ("種別", "Kind"),
    "bridge": ("橋梁", "Bridge"),
    "river_reach": ("河川区間", "River reach"),
    "structure": ("構造材料", "Material"),
    "route": ("路線名", "Route"),
    "administrator": ("管理者", "Administrator"),
    "length": ("橋長", "Length"),
    "width": ("幅員", "Width"),
    "built": ("架設年度", "Built (fiscal year)"),
    "spans": ("径間数", "Spans"),
    "chainage": ("距離標", "Chainage"),
    "position": ("位置(WGS84)", "Position (WGS84)"),
    "soundness": ("健全性の診断の区分(公式記録)", "Soundness class (official record)"),
    "ids": ("施設番号", "Identifiers"),
    "captured": ("撮影日", "Captured"),
    "pictures": ("画像", "Pictures"),
    "counts": ("所見の件数", "Findings"),
    "previous": ("前回", "Last time"),
    "as_of": ("記録の最終更新", "Record as of"),
    "software": ("作成", "Made by"),
    "member_grades": ("部材ごとの最も悪い程度", "Worst grade of each member"),
    "ng_list": ("前回の損傷が見当たらないもの(NG)", "Recorded last time, absent now (NG)"),
    "span": ("径間", "Span"),
    "member": ("部材", "Member"),
    "element": ("要素", "Element"),
    "damage": ("損傷・変状", "Damage"),
    "now": ("今回", "Now"),
    "count": ("件数", "Count"),
    "state": ("状態", "State"),
    "review": ("確認状況", "Review"),
    "note": ("備考", "Note"),
    "ranked": ("優先順位の順", "In the order of priority"),
    "place": ("場所", "Place"),
    "measures": ("計測(95%区間)", "Measured (95 %)"),
    "scale": ("縮尺", "Scale"),
    "grade": ("程度と根拠", "Grade and rule"),
    "chance": ("程度の確率", "Probability"),
    "supposed": ("仮定ごとの程度", "If it were so"),
    "since": ("前回から", "Since last time"),
    "then_now": (
        "前回(左)と今回(右)、今回の写真に重ねた同じ範囲。水色: 前回の範囲、黄: 今回の範囲",
        "Last time (left) and now (right) in one frame. Light blue: outline of last time, yellow: of this time",
    ),
    "priority": ("優先度点", "Priority"),
    "sights": ("他の画像", "Other pictures"),
    "model": ("モデル", "Model"),
    "id": ("所見ID", "Id"),
    "picture": ("画像", "Picture"),
    "reason": ("理由", "Reason"),
    "details": ("内容", "Details"),
    "fine": ("分解能を満たす", "Fine enough"),
    "judged": ("判定済み", "Judged"),
    "area": ("有効面積 m²", "Clear m²"),
    "not_seen": ("見ていないものと理由", "Not seen, and why"),
    "day": ("撮影日(UTC)", "Day (UTC)"),
    "scenes": ("シーン数", "Scenes"),
    "in_view": ("写っている延長", "Length in view"),
    "clear": ("雲などのない延長", "Length clear"),
    "unmasked": ("雲の確認なし", "nobody looked for clouds"),
    "no_findings": ("所見はありません。", "There are no findings."),
    "no_gaps": (
        "画像・部材のうち、数えるべき欠落は記録されていません。",
        "No picture and no member of the inventory is recorded as a gap.",
    ),
    "unassigned": ("未割当", "unassigned"),
    "no_picture": ("写真なし", "no picture"),
    "candidate": ("AI候補(未確認)", "AI candidate (unreviewed)"),
    "official": ("優先(公式記録・期限による)", "First by official record or deadline"),
    "confirmed": ("技術者が確認した所見", "Confirmed by engineers"),
    "unranked": ("順位なし", "Not ranked"),
    "unscaled": ("縮尺不明: 縮尺線なし、寸法は画素のみ", "scale unknown: no scale bar, sizes in pixels only"),
    "weights": ("重み sha256", "Weights sha256"),
    "version": ("版", "Version"),
    "verified": ("検証された性能(画素単位)", "Verified on test pictures (pixels)"),
    "limits": ("限界", "Limits"),
    "capture": ("撮影条件", "Capture"),
    "files": ("画像ファイルと sha256", "Picture files and sha256"),
    "code": ("所見を作成した版", "Code that made the findings"),
    "standards": ("基準データ", "Standards"),
    "people": ("確認者", "Reviewers"),
    "nobody": ("なし: すべて未確認", "none: nothing is reviewed"),
    "glyphs": ("書体にない文字(〓で表示)", "Characters that the font lacks (shown as 〓)"),
    "recall": ("検出率", "recall"),
    "precision": ("的中率", "precision"),
}

REMARKS: Mapping[str, tuple[str, str]] = {
    "provisional": (
        "損傷程度・評価は確定前の規則による「暫定」の候補です。AI候補(未確認)は技術者の確認を経ていません。",
        "Grades come from draft rules and are provisional. AI candidates have not been reviewed by an engineer.",
    ),
    "no_diagnosis": (
        "健全性の診断の区分と対策区分は技術者が判定するものであり、本書では提案しません。",
        "Soundness classes and measure classes are the engineer's to decide; this report proposes none.",
    ),
    "silence": (
        "所見がないことは健全を意味しません。見ていない範囲については何も示しません。",
        "No finding does not mean sound. What was not seen is not spoken of.",
    ),
    "limited": (
        "{total}件のうち優先順位の上位{shown}件を示します。",
        "The first {shown} of {total} findings are shown.",
    ),
    "left_out": (
        "棄却または重複とされた{count}件は示しません(記録には残っています)。",
        "{count} rejected or duplicate findings are not shown; they stay in the record.",
    ),
    "not_compared": ("前回の調査と比較していません。", "Not compared with an earlier survey."),
    "no_ng": (
        "前回「{name}」の損傷で、説明なく見当たらないものはありません。",
        "Nothing recorded in survey {name} is absent without explanation.",
    ),
    "pixels": (
        "検出率・的中率は試験画像の画素単位の値(95%区間)であり、この施設での値ではありません。",
        "Recall and precision are shares of pixels on test pictures (95 % intervals), not values of this asset.",
    ),
    "cracks": (
        "幅{width:g} mmのひびわれには{gsd:.3g} mm/pxが必要: {total}枚中{fit}枚が満たす",
        "cracks of {width:g} mm need {gsd:.3g} mm/px: {fit} of {total} photographs can show them",
    ),
    "plan": (
        "平面{total:,.0f} {unit}のうち撮影 {seen:.0%}、細かく鮮明に撮影 {fit:.0%}",
        "plan of {total:,.0f} {unit}: photographed {seen:.0%}, finely and clearly enough {fit:.0%}",
    ),
    "clipped": ("…(全文は記録にあります)", "… (the record has the whole text)"),
    "lines": (
        "黄線は所見の範囲、白線は縮尺、赤枠は全体写真での位置。",
        "Yellow: outline of the finding. White: scale bar. Red box: its place in the whole picture.",
    ),
}


def word(key: str, language: Language) -> str:
    """Return one word of the report."""
    return WORDS[key][0 if language == "ja" else 1]


def remark(key: str, language: Language, **values: object) -> str:
    """Return one sentence of the report with its values."""
    return REMARKS[key][0 if language == "ja" else 1].format(**values)
