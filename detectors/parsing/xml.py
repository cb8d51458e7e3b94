"""XML configs, by defusedxml: no entity is expanded, nothing outside is fetched."""

from __future__ import annotations

import re
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException, ElementTree

from detectors.detector import Config
from detectors.finding import Status
from detectors.parsing.stated import Stated, exact


def text_at(config: Config, path: str) -> Stated | None:
    """The text of the first element at an ElementTree path, None where there is none.

    Unknown where the file is not well-formed or declares entities."""
    try:
        root = ElementTree.fromstring(config.content)
        found = root.find(path)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        return Stated(None, Status.PARTIAL, config.name, None, "", f"XML that cannot be read: {error}"[:200])
    if found is None:
        return None
    value = (found.text or "").encode("utf-8", "surrogatepass")
    return exact(value, config.name, _line(config.content, path.rpartition("/")[2], value))


def _line(content: bytes, tag: str, value: bytes) -> int | None:
    pattern = rb"<" + re.escape(tag.encode()) + rb"\b[^>]*>\s*(?:<!\[CDATA\[)?" + re.escape(value)
    match = re.search(pattern, content) or re.search(rb"<" + re.escape(tag.encode()) + rb"\b", content)
    return None if match is None else content.count(b"\n", 0, match.start()) + 1
