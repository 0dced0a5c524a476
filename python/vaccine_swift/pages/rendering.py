"""Pages from jinja2 templates, in which every text is escaped by itself."""

from __future__ import annotations

import functools
import json
from typing import Any

import jinja2
from markupsafe import Markup

from vaccine_swift._plurals import counted, plural
from vaccine_swift.pages.drawing import Drawing
from vaccine_swift.pages.figure import chart
from vaccine_swift.pages.numbers import unbroken
from vaccine_swift.pages.style import STYLE

__all__ = ["figure", "rendered"]


def rendered(template: str, **values: Any) -> str:
    """A template of ``pages/templates`` filled in.

    Parameters
    ----------
    template : str
        Its path below that folder, such as ``"drift/page.html"``. It may import the
        macros of ``parts.html`` and extend ``page.html``, which wants `title`.
    **values
        What the template names; a name that is missing is an error.
    """
    return _environment().get_template(template).render(values)


def figure(drawing: Drawing) -> Markup:
    """The ``<figure>`` of a drawing, or nothing where there is nothing to draw."""
    module: Any = _environment().get_template("parts.html").module
    return Markup(module.figure(drawing).strip())


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("vaccine_swift", "pages/templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["chart"] = chart
    environment.filters["json"] = functools.partial(
        json.dumps, indent=2, ensure_ascii=False, default=str
    )
    environment.filters["unbroken"] = unbroken
    environment.globals["counted"] = counted
    environment.globals["plural"] = plural
    environment.globals["style"] = Markup(STYLE)
    return environment
