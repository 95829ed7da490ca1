from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.cursor import load_secret
from api.errors import STATUS, status_of
from api.security import HEADERS
from api.server import serve
from findings import errors
from findings.store import Store, store_url
from tests.findings.store.samples import by_hand


def test_a_healthy_service_says_ok(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_a_database_of_another_schema_is_a_503_with_the_remedy(client: TestClient, home: Path) -> None:
    by_hand(store_url(home), "UPDATE alembic_version SET version_num = '9999'")
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert "later version" in answer.json()["detail"]


def test_a_store_that_was_never_migrated_is_a_503_with_the_remedy(tmp_path: Path) -> None:
    with TestClient(create_app(store_url(tmp_path), tmp_path), base_url="http://localhost") as client:
        answer = client.get("/api/v1/findings")
    assert answer.status_code == 503
    assert "mizuhashi db upgrade" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/findings", "/api/v1/findings/none", "/nothing"])
def test_every_answer_tells_browsers_not_to_guess_or_to_run_anything(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_an_unforeseen_exception_is_a_bare_problem_with_the_same_headers(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(Store, "list_findings", fail)
    answer = client.get("/api/v1/findings")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "hunter2" not in answer.text


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8000", "", "localhost:x"])
def test_a_foreign_host_name_is_not_answered(client: TestClient, host: str) -> None:
    answer = client.get("/api/v1/findings", headers={"host": host})
    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_secret_is_random_kept_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    secret = load_secret(tmp_path)
    assert secret == load_secret(tmp_path)
    assert secret != load_secret(tmp_path / "other")
    assert (tmp_path / "api-secret").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["api-secret"]
    (tmp_path / "api-secret").chmod(0o644)
    with pytest.raises(errors.ConfigError, match="expected mode 600"):
        load_secret(tmp_path)


def test_every_error_of_the_tree_has_a_status() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    kinds = [kind for kind in classes if issubclass(kind, errors.MizuhashiError)]
    assert len(kinds) > 15
    assert {status_of(kind("x")).value for kind in kinds} <= {status.value for status in STATUS.values()}
    assert status_of(errors.UnsafeImage("x")) == 422


def test_the_description_names_every_route_and_no_page_loads_foreign_scripts(client: TestClient) -> None:
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    assert set(paths) == {
        "/healthz",
        "/api/v1/findings",
        "/api/v1/findings/{finding_id}",
        "/api/v1/findings/{finding_id}/evidence/{name}",
    }
    assert client.get("/docs").status_code == 404


def test_the_server_binds_the_loopback_address_only(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr("uvicorn.run", lambda _app, **options: given.update(options))
    serve(store_url(home), home, 8123)
    assert (given["host"], given["port"]) == ("127.0.0.1", 8123)


def test_the_door_loads_no_network_and_no_image_library() -> None:
    code = "import sys, json, api.app, api.server; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    heavy = {"torch", "models", "inference", "training", "imagery", "rasterio", "cv2"}
    assert heavy.isdisjoint(json.loads(done.stdout))
