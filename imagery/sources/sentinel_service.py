"""An open connection to one deployment of Sentinel Hub."""

from __future__ import annotations

from sentinelhub.api.catalog import SentinelHubCatalog
from sentinelhub.config import SHConfig
from sentinelhub.download.models import DownloadRequest, DownloadResponse

from imagery.sources import sentinel_access
from imagery.sources.sentinel_access import Access, Patience
from imagery.sources.sentinel_client import Meter, ProcessClient, StatisticalClient, TokenSession, translated


class Service:
    """An open connection: one token, one rate limiter and one count of processing units for everything asked of it.

    Args:
        access: where and as whom.
        patience: how long to go on.
    """

    def __init__(self, access: Access, patience: Patience | None = None) -> None:
        self.access = access
        self.patience = patience or sentinel_access.PATIENCE
        # use_defaults: no file of the user's is read or written (it makes ~/.config/sentinelhub otherwise).
        self.config = SHConfig(
            use_defaults=True,
            sh_client_id=access.client_id,
            sh_client_secret=access.client_secret,
            sh_base_url=access.base_url,
            sh_token_url=access.token_url,
            max_download_attempts=self.patience.attempts,
            download_sleep_time=self.patience.first_wait_s,
            download_timeout_seconds=self.patience.timeout_s,
            max_retries=self.patience.rate_limited,
        )
        self._session: TokenSession | None = None
        self._process: ProcessClient | None = None
        self.meter = Meter()

    def catalogue(self) -> SentinelHubCatalog:
        """Return the catalogue, asked through this connection."""
        catalogue = SentinelHubCatalog(config=self.config)
        catalogue.client = self._client()  # its own would open a session of its own
        return catalogue

    def download(self, wanted: list[DownloadRequest]) -> list[DownloadResponse]:
        """Return the answers, from the cache where it has them; at most `Patience.threads` at a time.

        Raises:
            SourceError: what the service did.
        """
        with translated(self.access):
            answers: list[DownloadResponse] = self._client().download(
                wanted, max_threads=self.patience.threads, decode_data=False
            )
        return answers

    def statistics(self, wanted: DownloadRequest) -> DownloadResponse:
        """Return the answer of the Statistical API; intervals that failed in passing were asked for again.

        Raises:
            SourceError: what the service did.
        """
        with translated(self.access):
            client = StatisticalClient(self._open(), self.patience, self.meter)
            answers: list[DownloadResponse] = client.download([wanted], max_threads=1, decode_data=False)
        return answers[0]

    def _client(self) -> ProcessClient:
        if self._process is None:
            self._process = ProcessClient(self._open(), self.patience, self.meter)
        return self._process

    def _open(self) -> TokenSession:
        if self._session is None:
            with translated(self.access):
                self._session = TokenSession(config=self.config)
        return self._session
