"""The program ``vaccine-swift``; ``python -m vaccine_swift`` is the same."""

import sys

from vaccine_swift.machine.termination import end_at_interrupts, interrupts_end

__all__ = ["program"]


def program() -> int:
    """The exit status of the command that the process was started for.

    Raises
    ------
    SystemExit
        As `vaccine_swift.cli.main`.
    """
    with interrupts_end():
        from vaccine_swift.cli.entry import INTERRUPTED, build_parser, run

        options = build_parser().parse_args()
    try:
        return run(options)
    except KeyboardInterrupt:
        return INTERRUPTED  # again, while the first was told of
    finally:
        end_at_interrupts()


if __name__ == "__main__":
    sys.exit(program())
