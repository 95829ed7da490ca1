"""The front door: the command line, settings, logging, the demo."""

__version__ = "0.1.0"
