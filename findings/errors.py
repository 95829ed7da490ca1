"""The one tree of errors; each message carries the value, what was expected and the remedy.

::

    MizuhashiError
    ├── InputError               a file or record that cannot be taken (the others are still processed)
    │   ├── UnsafeImage          refused before decoding: wrong driver, VRT in disguise, header promises too much
    │   ├── UnreadableImage      truncated, empty, not an image
    │   ├── MissingBands         the model's card requires a band that the image does not have
    │   └── RecordError          an asset or CSV/GeoJSON row that cannot be read
    ├── NotAssessable            the image is sound but cannot be judged (all nodata, too blurred, ...)
    ├── StandardError            a YAML standard that is incomplete or contradicts itself
    ├── GradingError             a damage type and member or material that cannot occur together
    ├── StoreError
    │   ├── NotFound             no asset, survey, image or finding of that name
    │   ├── SurveyConflict       the survey name exists with other files
    │   ├── MigrationNeeded      the database is behind the code
    │   └── StaleWrite           somebody else wrote in between
    ├── ModelError
    │   ├── CardError            a model card that is incomplete or contradicts the weights
    │   ├── DigestMismatch       weights that are not the ones that the card names
    │   └── UnknownModel         no model of that name and version
    ├── SourceError              an imagery service that cannot be used
    │   ├── RefusedSource        host, scheme or address that is not allowed, or larger than the cap
    │   ├── AccessDenied         credentials missing, expired or refused
    │   ├── QuotaExceeded        more than the allowance: stopped before, or by the service half-way
    │   └── SourceUnavailable    the service failed after the last retry, or answered nonsense
    ├── ConfigError              a setting or training config with an unknown key or impossible value
    └── OutputError              the disk is full or the place cannot be written
"""

from __future__ import annotations


class MizuhashiError(Exception):
    """Base of every error that the project raises on purpose; its text is fit to show to a user."""


class InputError(MizuhashiError):
    """A file or record that cannot be taken; the others are still processed."""


class UnsafeImage(InputError):
    """An image refused before decoding."""


class UnreadableImage(InputError):
    """An image that is truncated, empty or not an image."""


class MissingBands(InputError):
    """The model's card requires a band that the image does not have."""


class RecordError(InputError):
    """An asset or table row that cannot be read."""


class NotAssessable(MizuhashiError):
    """An image that is sound as a file but cannot be judged; recorded as not assessed, with this reason."""


class StandardError(MizuhashiError):
    """A YAML standard that is incomplete or contradicts itself."""


class GradingError(MizuhashiError):
    """A damage type that cannot occur on the member or material it was claimed for."""


class StoreError(MizuhashiError):
    """Base of what the store refuses."""


class NotFound(StoreError):
    """No asset, survey, image or finding of that name."""


class SurveyConflict(StoreError):
    """The survey name exists with other files."""


class MigrationNeeded(StoreError):
    """The database schema is behind the code."""


class StaleWrite(StoreError):
    """Somebody else wrote the row in between."""


class ModelError(MizuhashiError):
    """Base of what the model registry refuses."""


class CardError(ModelError):
    """A model card that is incomplete or contradicts its weights."""


class DigestMismatch(ModelError):
    """Weights that are not the ones that the card names."""


class UnknownModel(ModelError):
    """No model of that name and version."""


class SourceError(MizuhashiError):
    """Base of what goes wrong with an imagery service; what was fetched before stays and a resumed run goes on."""


class RefusedSource(SourceError):
    """A host, scheme or address that is not allowed, or an answer larger than the cap."""


class AccessDenied(SourceError):
    """Credentials that are missing, expired or refused."""


class QuotaExceeded(SourceError):
    """More than the allowance: stopped before the download, or by the service half-way."""


class SourceUnavailable(SourceError):
    """A service that failed after the last retry, or answered what it must not."""


class ConfigError(MizuhashiError):
    """A setting or training config with an unknown key or an impossible value."""


class OutputError(MizuhashiError):
    """A result that could not be written: the disk is full or the place cannot be written."""
