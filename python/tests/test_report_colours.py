"""Lines are told apart by colour-blind readers too, on the light and the dark page."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from vaccine_swift.pages.style import COLOURS, STYLE

# Machado, Oliveira, Fernandes, "A Physiologically-based Model for Simulation of Color
# Vision Deficiency", IEEE TVCG 15(6), 2009: severity 1, on linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)
_WHITE = np.array([0.9505, 1.0, 1.089])


def dark() -> dict[str, str]:
    """Colours of the line styles on the dark page."""
    (text,) = re.findall(
        r"prefers-color-scheme:dark\)\{.vs-report\{(.*?)\}", STYLE, re.DOTALL
    )
    known = dict(re.findall(r"--(\w+):(#[0-9a-f]{6})", text))
    return {name: known["soft" if name == "quiet" else name] for name in COLOURS}


def linear(colour: str) -> np.ndarray:
    channels = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    curved = ((channels + 0.055) / 1.055) ** 2.4
    return np.where(channels <= 0.04045, channels / 12.92, curved)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear RGB, white of D65."""
    ratio = _XYZ @ rgb.clip(0, 1) / _WHITE
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize(("page", "least"), [("light", 15), ("dark", 10)])
def test_no_two_lines_look_alike(page, least, sight) -> None:
    # A difference of 2.3 is just seen side by side; lines are thin and apart.
    colours = COLOURS if page == "light" else dark()
    seen = {
        name: lab(np.asarray(SIGHT[sight]) @ linear(colour))
        for name, colour in colours.items()
    }
    for first, second in itertools.combinations(seen, 2):
        difference = float(np.linalg.norm(seen[first] - seen[second]))
        assert difference >= least, (first, second, difference)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance."""
    light, dark = sorted(
        (linear(each) @ np.array([0.2126, 0.7152, 0.0722]) for each in (one, other)),
        reverse=True,
    )
    return float((light + 0.05) / (dark + 0.05))


@pytest.mark.parametrize("page", ["light", "dark"])
def test_lines_and_words_stand_out_from_the_page(page) -> None:
    """WCAG 2.2: 3 to 1 for what draws a chart (1.4.11), 4.5 to 1 for text (1.4.3)."""
    style = STYLE if page == "light" else STYLE[STYLE.index("prefers-color-scheme") :]
    known = dict(re.findall(r"--(\w+):(#[0-9a-f]{3,6})\b", style)[::-1])
    card = "#ffffff" if known["card"] == "#fff" else known["card"]
    lines = COLOURS if page == "light" else dark()
    for name, colour in lines.items():
        assert contrast(colour, card) >= 3, name
    for name in ("ink", "soft"):
        assert contrast(known[name], card) >= 4.5, name
        assert contrast(known[name], known["page"]) >= 4.5, name
