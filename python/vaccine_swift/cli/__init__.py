"""The command line ``vaccine-swift``; every subcommand is a thin call of the API."""

from vaccine_swift.cli.entry import main

__all__ = ["main"]
