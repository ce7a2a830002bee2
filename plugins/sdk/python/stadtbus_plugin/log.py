"""Lines for the plugin's owner. At most 64 of 1,024 bytes per call are kept. Never write payload into them."""

from . import _host


def debug(message: str) -> None:
    """What helps to follow the plugin's steps."""
    _host.write("debug", message)


def info(message: str) -> None:
    """What is worth knowing."""
    _host.write("info", message)


def warn(message: str) -> None:
    """What somebody should look at."""
    _host.write("warn", message)


def error(message: str) -> None:
    """What is wrong."""
    _host.write("error", message)
