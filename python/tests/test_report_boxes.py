"""Pages in headless Chromium, wide and narrow: no text over another, none cut.

Where there is no Chromium, nothing is tested.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
import study_rows
from drift_reports import content
from study_rows import arm

from vaccine_swift import drift
from vaccine_swift.study import StudyResult
from vaccine_swift.study import report as study_report

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
WIDTHS = (1200, 400)
LONG = "sent_by_customers_of_the_old_shop_without_any_space_in_its_name"

# What JupyterLab does to tables in a cell's output.
JUPYTER = """<style>.jp-RenderedHTMLCommon table{border-collapse:collapse;
font-size:12px;table-layout:fixed;margin-left:auto;margin-right:auto}
.jp-RenderedHTMLCommon td,.jp-RenderedHTMLCommon th,.jp-RenderedHTMLCommon tr{
vertical-align:middle;padding:.5em;line-height:normal;white-space:normal;
max-width:none;border:none}
:not(.jp-RenderedMarkdown).jp-RenderedHTMLCommon td,
:not(.jp-RenderedMarkdown).jp-RenderedHTMLCommon th{text-align:right}
</style><div class="jp-RenderedHTMLCommon">"""

MEASURE = """
const NUMBER = new RegExp('(?<![\\\\p{L}\\\\d_-])[−+]?\\\\d[\\\\d.\\\\u202f]*'
  + '(e−?\\\\d+)?([ \\\\u00a0]%)?(?![\\\\p{L}_-])', 'gu');
function faults(page) {
  const found = [], box = e => e.getBoundingClientRect();
  page.querySelectorAll('details').forEach(e => { e.open = true; });
  const root = page.documentElement;
  if (root.scrollWidth > root.clientWidth) found.push(['wider than the screen', '']);
  page.querySelectorAll('svg').forEach(svg => {
    const frame = box(svg.closest('figure'));
    const texts = [...svg.querySelectorAll('text')].map(t => [t.textContent, box(t)]);
    texts.forEach(([a, p], i) => {
      if (p.left < frame.left || p.right > frame.right + 1) found.push(['outside', a]);
      texts.slice(i + 1).forEach(([b, q]) => {
        const x = Math.min(p.right, q.right) - Math.max(p.left, q.left);
        const y = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
        if (x > 1 && y > 2.5) found.push(['overlap', a + ' | ' + b]);
      });
    });
  });
  page.querySelectorAll('.scroll').forEach(e => {
    const hint = e.nextElementSibling;
    const told = hint && hint.matches('.swipe') && box(hint).height > 0;
    const narrow = page.defaultView.innerWidth <= 480;
    if (narrow && e.scrollWidth > e.clientWidth + 1 && !told) {
      found.push(['scrolls without a word', e.textContent]);
    }
    const first = e.querySelector('td:first-child');
    const scrolls = e.scrollWidth > e.clientWidth + 1;
    if (narrow && scrolls && first && box(first).width > 0.75 * box(e).width) {
      found.push(['one column fills the screen', first.textContent]);
    }
  });
  page.querySelectorAll('td,th,.tile,h3,p,li,dd,summary').forEach(e => {
    if (e.scrollWidth > e.clientWidth + 1) found.push(['cut', e.textContent]);
  });
  page.querySelectorAll('td,.tile b').forEach(e => {
    const texts = page.createTreeWalker(e, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      for (const number of texts.currentNode.data.matchAll(NUMBER)) {
        const range = page.createRange(), end = number.index + number[0].length;
        range.setStart(texts.currentNode, number.index);
        range.setEnd(texts.currentNode, end);
        const lines = new Set([...range.getClientRects()].map(r => r.bottom));
        if (lines.size > 1) found.push(['number on two lines', number[0]]);
      }
    }
  });
  return found;
}
onload = () => {
  const all = {};
  document.querySelectorAll('iframe').forEach(frame => {
    all[frame.name] = faults(frame.contentDocument);
  });
  document.getElementById('faults').textContent = JSON.stringify(all);
};
"""


def one_layer() -> drift.Report:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 8))
    accumulator = drift.Accumulator(width=8, tier="full")
    accumulator.update(
        x,
        x + rng.lognormal(-2, 0.5, (90, 1)) * rng.normal(size=x.shape),
        ids=[f"{LONG}-{k}" for k in range(90)],
        groups=np.repeat(["de", LONG, "fr"], 30),
    )
    return accumulator.report(permutations=99, floor="float16")


def two_samples() -> drift.TwoSampleReport:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 300, 8))
    names = [f"{LONG}-{k}" if k % 2 else str(k) for k in range(20)]
    labels = np.tile(names, 15)
    y[::3] += 3
    return drift.two_sample(
        x,
        y,
        segments=(labels, labels),
        tests=["ks"],
        ids=[f"{LONG}-{k}" for k in labels],
    )


def two_widths() -> tuple[drift.Report, drift.Report]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3, 40, 4)), 1e4 * rng.normal(size=(3, 40, 6))
    pairs = (x[0], y[0]), (x, y)
    one, several = (drift.PairedRows(*sides).report() for sides in pairs)
    return one, several


def windows() -> drift.WindowsReport:
    rng = np.random.default_rng(0)
    labels = np.repeat(["de", LONG, "fr"], 20)
    made = drift.Windows(rng.normal(size=(60, 4)), segments=labels, permutations=99)
    for name in ("2026-W48", "2026-W49", LONG, f"{LONG} again"):
        x = rng.normal(size=(60, 4))
        x[:20] += 2
        made.add(name, x, segments=np.where(labels == "fr", f"new {LONG}", labels))
    return made.report()


def studies(directory) -> dict[str, str]:
    """Pages of studies over shares, of one cell, and over a setting of the method."""
    norms = [arm("sft"), *(arm("vaccine", rho=rho) for rho in (0.1, 2.0, 10.0))]
    of_arms = {
        "shares": (study_rows.ARMS, (0.0, 0.05, 0.1, 0.2)),
        "cell": (study_rows.ARMS, (0.1,)),
        "norms": (norms, (0.1,)),
    }
    made = {}
    for name, (arms, poisons) in of_arms.items():
        rows = study_rows.study(arms, poisons, 2)
        words = "Sure, here is how to do it. " * 12
        answers = tuple(
            study_report.Answer(each[-1], "I cannot help with that.", words)
            for each in arms
        )
        examples = {"restricted": [study_report.Example(f"How? {LONG}", answers)]}
        path = directory / "study.html"
        study_report.write_html(rows, path, examples=examples)
        made[f"study of {name}"] = path.read_text("utf-8")
        notebook = StudyResult(rows)._repr_html_()
        made[f"study of {name} in a notebook"] = JUPYTER + notebook
    return made


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, str]:
    several = drift.Report(content())
    reports = {"layers": several, "layer": one_layer(), "segments": two_samples()}
    reports["windows"] = windows()
    reports["a layer of two widths"], reports["layers of two widths"] = two_widths()
    made = studies(tmp_path_factory.mktemp("study"))
    for name, each in reports.items():
        made[name] = each.to_html()
        made[f"{name} in a notebook"] = JUPYTER + each._repr_html_()
    made["layers and a baseline"] = several.to_html(baseline=several)
    return made


def measured(pages: dict[str, str], directory) -> dict[str, list[list[str]]]:
    frames = "".join(
        f'<iframe name="{name}, {width}" style="width:{width}px;height:900px" '
        f'srcdoc="{html.escape(page)}"></iframe>'
        for name, page in pages.items()
        for width in WIDTHS
    )
    target = directory / "all.html"
    text = f"<!doctype html><meta charset='utf-8'>{frames}<pre id='faults'></pre>"
    target.write_text(f"{text}<script>{MEASURE}</script>", "utf-8")
    run = subprocess.run(
        [
            CHROMIUM,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={directory / 'profile'}",
            "--window-size=1300,1000",
            "--virtual-time-budget=10000",
            "--dump-dom",
            target.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found = re.search(r'<pre id="faults">(.*?)</pre>', run.stdout, re.DOTALL)[1]
    return json.loads(html.unescape(found))


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_no_text_is_cut_or_lies_over_another(pages, tmp_path) -> None:
    found = measured(pages, tmp_path)
    assert len(found) == len(pages) * len(WIDTHS)
    assert {name: faults for name, faults in found.items() if faults} == {}


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_measure_finds_what_it_looks_for(tmp_path) -> None:
    svg = '<svg width="300" height="40"><text y="20">one</text><text x="9" y="20">'
    pages = {
        "overlap": f"<figure>{svg}two</text></svg></figure>",
        "cut": '<p style="width:20px;overflow:hidden">Donaudampfschiff</p>',
        "wide": '<div style="width:2000px">x</div>',
        "number": "<table><td><p style='width:20px;overflow-wrap:anywhere'>"
        "38\u202f447</p></table>",
        "per cent": "<div class='tile' style='width:64px'><b>0.0027 %</b></div>",
    }
    found = measured(pages, tmp_path)
    kinds = {name: {kind for kind, _ in faults} for name, faults in found.items()}
    assert kinds["overlap, 400"] == {"overlap"}
    assert kinds["cut, 400"] == {"cut"}
    assert kinds["wide, 1200"] == {"wider than the screen"}
    assert kinds["number, 400"] == kinds["per cent, 1200"] == {"number on two lines"}
