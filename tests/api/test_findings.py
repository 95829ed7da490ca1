from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.conftest import HOSTILE
from tests.findings.store.samples import by_hand

LIST = "/api/v1/findings"


def links(document: dict[str, Any]) -> dict[str, str]:
    return {link["rel"]: link["href"] for link in document["links"]}


def test_the_list_is_geojson_most_urgent_first(client: TestClient) -> None:
    answer = client.get(LIST, params={"sortby": "-priority"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/geo+json"
    document = answer.json()
    assert document["type"] == "FeatureCollection"
    assert document["numberReturned"] == 7
    assert [feature["id"] for feature in document["features"]] == [f"f-{i}" for i in range(7)]
    assert document["features"][3]["geometry"] == {"type": "Point", "coordinates": [137.3, 36.0]}
    assert document["features"][0]["properties"]["priority"]["score"] == 90.0
    assert set(links(document)) == {"self"}


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_following_next_visits_each_finding_once(client: TestClient, limit: int) -> None:
    seen: list[str] = []
    url: str | None = f"{LIST}?limit={limit}&sortby=-priority"
    while url is not None:
        document = client.get(url).json()
        assert document["numberReturned"] <= limit
        seen += [feature["id"] for feature in document["features"]]
        assert client.get(links(document)["self"]).json()["features"] == document["features"]
        url = links(document).get("next")
    assert seen == [f"f-{i}" for i in range(7)]


def test_the_next_link_keeps_the_filters(client: TestClient) -> None:
    document = client.get(LIST, params={"bbox": "137.15,35,137.55,37", "limit": 2, "survey": "2026"}).json()
    second = client.get(links(document)["next"]).json()
    ids = [feature["id"] for page in (document, second) for feature in page["features"]]
    assert ids == ["f-2", "f-3", "f-4", "f-5"]
    assert "next" not in links(second)


def test_one_finding_comes_with_its_grade_trace_and_terms(client: TestClient) -> None:
    document = client.get(f"{LIST}/f-3").json()
    assert document["id"] == "f-3"
    assert document["properties"]["suggested_grades"] == ["c", "d"]
    assert document["properties"]["grade_rule_trace"] == "最大幅"
    assert document["properties"]["priority"]["terms"][0]["words_ja"] == "損傷程度"


def test_a_hostile_name_stays_data(client: TestClient) -> None:
    answer = client.get(f"{LIST}/f-0")
    assert answer.json()["properties"]["asset_id"] == HOSTILE
    assert answer.json()["properties"]["details"] == {"n": HOSTILE}
    assert answer.headers["content-type"] == "application/geo+json"
    echoed = client.get(f"{LIST}/{HOSTILE}")
    assert echoed.status_code == 404
    assert echoed.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("limit=0", "query.limit"),
        ("limit=1001", "query.limit"),
        ("limit=ten", "query.limit"),
        ("sortby=priority", "query.sortby"),
        ("sortby=-priority;drop", "query.sortby"),
        ("bbox=1,2,3", "query.bbox"),
        ("bbox=0,50,1,40", "query.bbox"),
        ("bbox=nan,0,1,1", "query.bbox"),
        ("bbox=0,0,181,1", "query.bbox"),
        ("cursor=MQ", "query.cursor"),
        ("cursor=WzIsIC05MC4wLCAxXQ." + "A" * 43, "query.cursor"),
        ("minimum_score=inf", "query.minimum_score"),
        ("damage='--", "query.damage"),
        ("limt=5", "query.limt"),
    ],
)
def test_a_question_that_cannot_be_answered_is_a_problem_that_names_its_part(
    client: TestClient, query: str, where: str
) -> None:
    answer = client.get(f"{LIST}?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 422
    assert answer.json()["errors"][0]["loc"] == where


def test_a_cursor_serves_neither_another_list_nor_after_a_change(client: TestClient) -> None:
    following = links(client.get(LIST, params={"limit": 2}).json())["next"]
    assert client.get(following).status_code == 200
    assert client.get(following.replace("limit=2", "limit=3")).status_code == 200
    assert client.get(f"{following}&damage=6").status_code == 422
    start = following.index("cursor=") + len("cursor=")
    changed = following[:start] + ("A" if following[start] != "A" else "B") + following[start + 1 :]
    assert client.get(changed).status_code == 422


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{LIST}/none", 404),
        (f"{LIST}?survey=none", 404),
        ("/api/v1/nothing", 404),
        (f"{LIST}/f-0/evidence/none", 404),
    ],
)
def test_what_is_not_there_is_a_404_problem(client: TestClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == answer.json()["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_only_reading_is_allowed(client: TestClient) -> None:
    answer = client.post(LIST, json={})
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"
    assert answer.headers["content-type"] == "application/problem+json"


def test_evidence_is_served_as_the_picture_that_it_is(client: TestClient, home: Path) -> None:
    overlay = links(client.get(f"{LIST}/f-0").json())["evidence:overlay"]
    assert client.get(overlay).status_code == 404, "recorded, but the file is not there"
    (home / "evidence").mkdir()
    (home / "evidence" / "f-0.jpg").write_bytes(b"\xff\xd8\xff\xe0 a picture")
    answer = client.get(overlay)
    assert answer.content == b"\xff\xd8\xff\xe0 a picture"
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("kind", ["parent", "absolute", "link", "page"])
def test_evidence_outside_the_home_folder_or_no_picture_is_not_served(
    client: TestClient, home: Path, tmp_path_factory: pytest.TempPathFactory, kind: str
) -> None:
    secret = tmp_path_factory.mktemp("outside") / "secret.jpg"
    secret.write_bytes(b"\xff\xd8\xff secret")
    (home / "link.jpg").symlink_to(secret)
    (home / "page.jpg").write_text("<script>alert(1)</script>")
    relative = {
        "parent": f"../{secret.parent.name}/secret.jpg",
        "absolute": str(secret),
        "link": "link.jpg",
        "page": "page.jpg",
    }[kind]
    by_hand(f"sqlite:///{home}/mizuhashi.db", "UPDATE finding SET evidence = json_object('overlay', :p)", p=relative)
    answer = client.get(f"{LIST}/f-0/evidence/overlay")
    assert answer.status_code == 404
    assert b"secret" not in answer.content
