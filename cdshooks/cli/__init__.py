"""The command line: what analysts, testers and operators do with the library and the service."""

from cdshooks.cli.command import main

__all__ = ["main"]
