"""The table of methods for the documentation."""

from __future__ import annotations

from collections.abc import Iterable

from vaccine_swift.methods.base import Method
from vaccine_swift.methods.options import Option

__all__ = ["table"]


def table(methods: Iterable[type[Method]]) -> str:
    """A row for each setting of each method, in Markdown.

    Examples
    --------
    >>> import vaccine_swift as vs
    >>> print(table([vs.RandomPerturbation]))
    | method | setting | default | range | meaning |
    |---|---|---|---|---|
    | `random` | `variance` |  | at least 0 and at most 1e+70 | variance of the noise \
on every element |
    """
    lines = [
        "| method | setting | default | range | meaning |",
        "|---|---|---|---|---|",
    ]
    for method in methods:
        settings = method.options()
        lines += [_row(method, each) for each in settings]
        if not settings:
            lines.append(f"| `{method.name}` |  |  |  |  |")
    return "\n".join(lines)


def _row(method: type[Method], setting: Option) -> str:
    default = "" if setting.required else f"{setting.default}"
    return (
        f"| `{method.name}` | `{setting.name}` | {default} | {setting.range} | "
        f"{setting.help} |"
    )
