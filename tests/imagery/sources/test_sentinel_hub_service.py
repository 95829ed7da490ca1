"""The wire: retries that end, waits that are the server's, tokens that are renewed, and words without secrets."""

from __future__ import annotations

import itertools
import logging
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from sentinelhub.api.catalog import SentinelHubCatalog
from sentinelhub.api.process import SentinelHubRequest
from sentinelhub.config import SHConfig
from sentinelhub.constants import CRS, MimeType
from sentinelhub.data_collections import DataCollection
from sentinelhub.download.sentinelhub_client import SentinelHubDownloadClient
from sentinelhub.exceptions import DownloadFailedException
from sentinelhub.geometry import BBox

from findings.errors import AccessDenied, ConfigError, QuotaExceeded, RefusedSource, SourceError, SourceUnavailable
from imagery.sources.sentinel_access import PROFILES, SentinelProfile, make_access
from imagery.sources.sentinel_catalogue import search
from imagery.sources.sentinel_collections import S1_GRD, S2_L2A, data_collection, evalscript
from imagery.sources.sentinel_errors import retry_after_ms
from imagery.sources.sentinel_service import Service
from tests.fakes import sentinel_faults as faults
from tests.fakes.sentinel_hub import FakeSentinelHub
from tests.imagery.sources.sentinel_case import FROM, TO, service_of, wish_of


@pytest.fixture
def fake() -> Iterator[FakeSentinelHub]:
    with FakeSentinelHub() as service:
        yield service


def look(service: Service, fake: FakeSentinelHub) -> int:
    """Ask the catalogue, the cheapest request that goes through everything."""
    return len(search(service, S2_L2A, wish_of(fake).area_lonlat, FROM, TO))


# --- retries and waits


def test_a_server_that_fails_twice_is_asked_a_third_time(fake: FakeSentinelHub) -> None:
    fake.fail("search", faults.server_error(503), times=2)
    assert look(service_of(fake), fake) == 3
    assert fake.requests["search"] == 3


def test_a_server_that_keeps_failing_is_given_up(fake: FakeSentinelHub) -> None:
    fake.fail("search", faults.server_error(), times=99)
    with pytest.raises(SourceUnavailable, match=r"status 500.*also when asked again"):
        look(service_of(fake), fake)
    assert fake.requests["search"] == 3


def test_a_rate_limit_that_never_ends_is_given_up(fake: FakeSentinelHub) -> None:
    fake.fail("search", faults.rate_limited("10"), times=99)
    with pytest.raises(QuotaExceeded, match="4 times in a row"):
        look(service_of(fake), fake)
    assert fake.requests["search"] == 4


def test_the_wait_is_the_servers_milliseconds(fake: FakeSentinelHub) -> None:
    fake.fail("search", faults.rate_limited("400"), at=[1])
    fake.fail("search", faults.rate_limited("60"), at=[2])
    look(service_of(fake), fake)
    times = [when for when, kind in fake.log if kind == "search"]
    long, short = times[1] - times[0], times[2] - times[1]
    assert 0.4 <= long < 2.0
    assert 0.06 <= short < 0.4 * 0.9


def test_a_rate_limit_that_counts_in_seconds_is_still_waited_out(fake: FakeSentinelHub) -> None:
    fake.fail("search", faults.rate_limited("1"), times=3)
    assert look(service_of(fake, least_wait_s=0.12), fake) == 3
    times = [when for when, kind in fake.log if kind == "search"]
    gaps = [later - before for before, later in itertools.pairwise(times)]
    assert gaps[0] >= 0.12
    assert gaps[1] >= 0.24
    assert gaps[2] >= 0.48


@pytest.mark.parametrize("header", ["35.5", "soon", "-3", "nan", "", None])
def test_an_odd_retry_after_is_survived(fake: FakeSentinelHub, header: str | None) -> None:
    fake.fail("search", faults.rate_limited(header))
    assert look(service_of(fake), fake) == 3


def test_retry_after_is_read_as_milliseconds_fraction_or_date() -> None:
    assert retry_after_ms("1500", 7) == 1500
    assert retry_after_ms("1500.2", 7) == 1501
    assert (
        retry_after_ms(None, 7) == retry_after_ms("soon", 7) == retry_after_ms("-1", 7) == retry_after_ms("inf", 7) == 7
    )
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 27_000 < retry_after_ms(soon, 7) <= 30_000
    assert retry_after_ms("Wed, 21 Oct 2015 07:28:00 GMT", 7) == 0


def test_a_wait_of_an_hour_is_the_users_to_decide(fake: FakeSentinelHub) -> None:
    fake.fail("search", faults.rate_limited(str(3_600_000)))
    with pytest.raises(QuotaExceeded, match="wait 60 min"):
        look(service_of(fake), fake)
    assert fake.requests["search"] == 1


def test_a_token_service_that_does_not_answer_times_out(fake: FakeSentinelHub) -> None:
    fake.fail("token", faults.slow(3.0), times=2)
    with pytest.raises(SourceUnavailable, match="did not answer in time"):
        look(service_of(fake, timeout_s=0.2, attempts=2), fake)
    assert fake.requests["search"] == 0


def test_a_service_that_is_not_there_is_told(fake: FakeSentinelHub) -> None:
    gone = service_of(fake)
    fake._server.server_close()
    with pytest.raises(SourceUnavailable, match=r"127\.0\.0\.1 could not be reached"):
        look(gone, fake)


def test_credentials_do_not_follow_a_redirect(fake: FakeSentinelHub) -> None:
    fake.fail("search", faults.redirect("https://elsewhere.example/api"))
    with pytest.raises(RefusedSource, match=r"sends on to elsewhere\.example"):
        look(service_of(fake), fake)


def test_an_answer_without_end_is_cut_off(fake: FakeSentinelHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagery.sources.sentinel_client.MOST_BYTES", 1000)
    with pytest.raises(RefusedSource, match="an answer of over"):
        look(service_of(fake), fake)


# --- tokens


def test_one_token_serves_the_whole_connection(fake: FakeSentinelHub) -> None:
    service = service_of(fake)
    look(service, fake)
    look(service, fake)
    assert fake.requests["token"] == 1


def test_a_token_that_is_refused_half_way_is_renewed_once(fake: FakeSentinelHub) -> None:
    service = service_of(fake)
    look(service, fake)
    fake.tokens.clear()
    assert look(service, fake) == 3
    assert fake.requests["token"] == 2


def test_a_service_that_refuses_fresh_tokens_is_left(fake: FakeSentinelHub) -> None:
    fake.fail("search", faults.expired, times=99)
    with pytest.raises(AccessDenied, match="refused the credentials"):
        look(service_of(fake), fake)
    assert fake.requests["search"] == 2


def test_a_token_near_its_end_is_renewed_before_it_is_used(fake: FakeSentinelHub) -> None:
    fake.token_seconds = 60  # the library renews 120 s before the end
    service = service_of(fake)
    look(service, fake)
    assert fake.requests["token"] >= 2


def test_a_wrong_secret_is_told_with_the_settings_to_correct(fake: FakeSentinelHub) -> None:
    with pytest.raises(AccessDenied, match="MIZUHASHI_SH_CLIENT_SECRET") as caught:
        look(service_of(fake, secret="wrong-secret-9988"), fake)
    assert "invalid_client" in str(caught.value)
    assert fake.requests["token"] == 1


def test_a_token_service_that_is_a_login_page_is_told(fake: FakeSentinelHub) -> None:
    fake.fail("token", lambda _: faults.Answer(200, b"<html>log in</html>", "text/html"))
    with pytest.raises(SourceUnavailable, match="MIZUHASHI_SH_TOKEN_URL"):
        look(service_of(fake), fake)


# --- secrets and files of the user


def test_an_echo_of_the_credentials_is_blotted_out(fake: FakeSentinelHub, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    fake.fail("token", faults.echoing)
    with pytest.raises(AccessDenied) as caught:
        look(service_of(fake), fake)
    text = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert "***" in str(caught.value)
    for secret in (fake.CLIENT_SECRET, quote(fake.CLIENT_SECRET, safe=""), fake.CLIENT_ID):
        assert secret not in text


def test_the_access_prints_without_credentials(fake: FakeSentinelHub) -> None:
    service = service_of(fake)
    assert fake.CLIENT_SECRET not in repr(service.access) + str(service.config) + repr(service.config)
    assert fake.CLIENT_ID not in repr(service.access)


def test_the_users_own_configuration_is_neither_read_nor_written(
    fake: FakeSentinelHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("SH_CLIENT_ID", "somebody-else")
    monkeypatch.setenv("SH_PROFILE", "their-profile")
    assert look(service_of(fake), fake) == 3
    assert not (tmp_path / "config").exists()


@pytest.mark.parametrize(
    "url",
    ["http://sh.dataspace.copernicus.eu", "ftp://x.example", "https://user:pw@x.example", "https://x.example?k=v", "x"],
)
def test_an_address_that_shows_credentials_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="MIZUHASHI_SH_BASE_URL"):
        make_access("id", "secret", SentinelProfile.CDSE, url, None)
    with pytest.raises(ConfigError, match="MIZUHASHI_SH_TOKEN_URL"):
        make_access("id", "secret", SentinelProfile.CDSE, None, url)


def test_profiles_have_their_documented_addresses() -> None:
    cdse = make_access("id", "secret", SentinelProfile.CDSE, None, None)
    assert cdse.base_url == "https://sh.dataspace.copernicus.eu"
    assert cdse.token_url.startswith("https://identity.dataspace.copernicus.eu/auth/realms/CDSE/")
    planet = make_access("id", "secret", SentinelProfile.SENTINELHUB, None, None)
    assert (planet.base_url, planet.token_url) == (
        SHConfig(use_defaults=True).sh_base_url,
        SHConfig(use_defaults=True).sh_token_url,
    )


# --- collections


def test_a_collection_is_bound_to_its_deployment_and_may_be_asked_for_twice() -> None:
    for profile in PROFILES.values():
        first = data_collection("s2-l2a", profile.base_url)
        data_collection.cache_clear()  # another module, or the notebook's second run, defines it again
        assert data_collection("s2-l2a", profile.base_url) is first
        assert first.service_url == profile.base_url
        assert first.api_id == "sentinel-2-l2a"


def test_an_acquisition_is_all_items_of_one_pass(fake: FakeSentinelHub) -> None:
    found = search(service_of(fake), S2_L2A, wish_of(fake).area_lonlat, FROM, TO)
    assert [len(one.items) for one in found] == [2, 1, 1]
    first = found[0]
    assert (first.until - first.captured_at).total_seconds() == 14
    assert (first.platform, first.relative_orbit, first.baselines) == ("sentinel-2b", 117, ("05.10",))
    assert first.cloud_percent == pytest.approx(100 * fake.world.series.scenes[0].cloud_cover, abs=0.01)


def test_the_catalogue_is_read_to_its_last_page() -> None:
    with FakeSentinelHub(page=1) as fake:
        assert look(service_of(fake), fake) == 3
        assert fake.requests["search"] == 4


def test_radar_is_asked_for_in_its_usual_mode_only(fake: FakeSentinelHub) -> None:
    found = search(service_of(fake), S1_GRD, wish_of(fake).area_lonlat, FROM, TO)
    assert [one.orbit_state for one in found] == ["descending"] * 3
    assert all(one.cloud_percent is None for one in found)


@pytest.mark.parametrize(
    "feature",
    [
        {"id": "S2B_X", "properties": {"datetime": None}},
        {"properties": {"datetime": "2024-01-01T00:00:00Z"}},
        {"id": 1},
    ],
)
def test_an_item_without_name_or_time_is_told(fake: FakeSentinelHub, feature: dict[str, object]) -> None:
    page = {"features": [feature], "context": {"limit": 1, "returned": 1}}
    fake.fail("search", lambda _: faults.json_answer(200, page))
    with pytest.raises(SourceUnavailable, match="expected a name and an ISO 8601 time"):
        look(service_of(fake), fake)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"features": 3, "context": {}}', b""])
def test_a_catalogue_that_answers_nonsense_is_told(fake: FakeSentinelHub, body: bytes) -> None:
    fake.fail("search", lambda _: faults.Answer(200, body, "application/json"), times=9)
    with pytest.raises(SourceError):
        look(service_of(fake), fake)


# --- the fake itself: the library as it is, without anything of ours


def test_the_unpatched_library_talks_to_the_fake(
    fake: FakeSentinelHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    config = SHConfig(
        use_defaults=True, sh_client_id=fake.CLIENT_ID, sh_client_secret=fake.CLIENT_SECRET,
        sh_base_url=fake.base_url, sh_token_url=fake.token_url, download_sleep_time=0.01,
    )  # fmt: skip
    collection = DataCollection.SENTINEL2_L2A.define_from("UNPATCHED", service_url=fake.base_url)
    place = BBox((727_200, 3_783_500, 727_400, 3_783_700), CRS("EPSG:32652"))
    try:
        everywhere = BBox((131, 34, 132, 35), CRS.WGS84)
        assert len(list(SentinelHubCatalog(config).search(collection, bbox=everywhere, time=(FROM, TO), limit=2))) == 4

        def ask(size: tuple[int, int], *outputs: str) -> SentinelHubRequest:
            several = (
                '//VERSION=3\nfunction setup() { return { input: [{ bands: ["B03", "SCL"], units: "DN" }],\n'
                'output: [{ id: "green", bands: 1, sampleType: "UINT16" },\n'
                '{ id: "classes", bands: 1, sampleType: "UINT8" }] }; }\n'
                "function evaluatePixel(sample) { return { green: [sample.B03], classes: [sample.SCL] }; }\n"
            )
            return SentinelHubRequest(
                evalscript=several if outputs else evalscript(S2_L2A, ("green",)),
                input_data=[SentinelHubRequest.input_data(collection, time_interval=(FROM, TO))],
                responses=[SentinelHubRequest.output_response(name, MimeType.TIFF) for name in outputs or ("default",)],
                bbox=place, size=size, config=config, data_folder=str(tmp_path / "cache"),
            )  # fmt: skip

        assert ask((20, 20)).get_data(save_data=True)[0].shape == (20, 20, 3)
        before = fake.requests.total()
        ask((20, 20)).get_data(save_data=True)
        assert fake.requests.total() == before
        tar = ask((20, 20), "green", "classes").get_data()[0]
        assert set(tar) == {"green.tif", "classes.tif"}
        with pytest.raises(DownloadFailedException, match="between 1 and 2500"):
            ask((2501, 20)).get_data()
    finally:
        SentinelHubDownloadClient.clear_cache()
