"""A Markdown extension: links that leave the documentation's folder.

As plain files the pages link to sources and results beside them, such as
`../benchmarks/results/x.json`. The site does not hold those, so there such a link
becomes the file's path in the repository.
"""

from __future__ import annotations

import posixpath
from typing import Any
from xml.etree import ElementTree as ET

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor

FOLDER = "python/docs"


class OutsideLinks(Treeprocessor):
    """Turns links out of the folder into their text and the path."""

    def run(self, root: ET.Element) -> None:
        """Rewrite every such link of a page."""
        for link in root.iter("a"):
            target = link.get("href", "")
            path = posixpath.normpath(posixpath.join(FOLDER, target))
            if not target.startswith("../") or path.startswith(f"{FOLDER}/"):
                continue
            link.tag = "span"
            link.attrib.clear()
            ET.SubElement(link, "code").text = path
            link.text = f"{link.text or ''} "


class OutsideLinksExtension(Extension):
    """Registers the rewriting after the links are made."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Add the rewriting."""
        md.treeprocessors.register(OutsideLinks(md), "outside_links", 0)


def makeExtension(**settings: Any) -> OutsideLinksExtension:
    """Markdown asks for this."""
    return OutsideLinksExtension(**settings)
