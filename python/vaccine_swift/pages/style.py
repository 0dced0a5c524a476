"""The style sheet of all reports: light and dark, from a phone to a wide screen."""

from __future__ import annotations

from typing import Final

from vaccine_swift.pages.heat import GRADIENT

__all__ = ["COLOURS", "SERIES", "STYLE"]

# Lines use Okabe and Ito's colours, "Color Universal Design" (2008), and a dark brown,
# which people with any form of colour blindness tell apart; the dark page has lighter
# ones of these hues.
COLOURS: Final = {
    "a": "#0072b2",
    "b": "#d55e00",
    "c": "#009e73",
    "d": "#cc79a7",
    "e": "#6c521c",
    "quiet": "#5c6675",
}
"""Colours of the line styles on a light page."""

SERIES: Final = ("a", "b", "c", "d", "e")
"""The line styles of series, in the order in which they take them."""

_LINES: Final = ";".join(f"--{name}:{colour}" for name, colour in COLOURS.items())
_LIGHT: Final = f"""--page:#f6f7f9;--card:#fff;--ink:#1b2330;--soft:#5c6675;
--grid:#e6e9ee;--axis:#aab2bd;{_LINES};
--edge:#e2e5ea;--shade:#0003"""
_DARK: Final = """--page:#11151b;--card:#1a2029;--ink:#e7ebf1;--soft:#9aa5b4;
--grid:#2a323d;--axis:#566172;--a:#56b4e9;--b:#f0894a;--c:#3dc79d;--d:#ffb3d9;--e:#e0c341;
--edge:#2a323d;--shade:#0009"""

STYLE: Final = f"""
.vs-report{{{_LIGHT};color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",
Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}}
@media (prefers-color-scheme:dark){{.vs-report{{{_DARK}}}}}
.vs-report.inset{{background:var(--page);border-radius:10px;padding:14px}}
.vs-report *{{box-sizing:border-box}}
.vs-report main{{max-width:1240px;margin:0 auto;padding:28px 20px 48px}}
.vs-report h1{{font-size:26px;line-height:1.2;margin:0 0 6px;letter-spacing:-.01em}}
.vs-report h2{{font-size:18px;margin:36px 0 4px}}
.vs-report h3{{font-size:14px;margin:0 0 2px;font-weight:650}}
.vs-report p,.vs-report h1,.vs-report h3,.vs-report .tile{{overflow-wrap:anywhere}}
.vs-report p{{margin:0 0 12px;max-width:75ch}}
.vs-report .lead{{max-width:none;font-size:17px;margin-bottom:18px}}
.vs-report .soft,.vs-report figcaption{{color:var(--soft);font-size:13px}}
.vs-report .tiles{{display:grid;gap:10px;margin:0 0 8px;
grid-template-columns:repeat(auto-fit,minmax(150px,1fr))}}
.vs-report .tile,.vs-report figure,.vs-report .scroll{{background:var(--card);
border:1px solid var(--edge);border-radius:10px}}
.vs-report .tile{{padding:10px 14px}}
.vs-report .tile b{{display:block;font-size:22px;line-height:1.25;font-weight:650}}
.vs-report .tile span{{color:var(--soft);font-size:13px;display:block}}
.vs-report .charts{{display:grid;gap:14px;
grid-template-columns:repeat(auto-fill,minmax(min(100%,350px),1fr))}}
.vs-report figure{{margin:0;max-width:600px;padding:12px 14px 10px}}
.vs-report figcaption{{margin-top:4px}}
.vs-report svg{{display:block;width:100%;height:auto;overflow:visible}}
.vs-report svg text{{font:11.5px system-ui,sans-serif;fill:var(--soft)}}
.vs-report svg .note{{fill:var(--ink)}}
.vs-report .grid{{stroke:var(--grid)}}.vs-report .axis{{stroke:var(--axis)}}
.vs-report image{{image-rendering:pixelated}}
.vs-report .line{{fill:none;stroke:var(--h);stroke-width:2;stroke-linejoin:round;
stroke-linecap:round}}
.vs-report .band{{fill:var(--h);opacity:.17}}
.vs-report .bar{{fill:var(--h);opacity:.55}}
.vs-report .dot{{fill:var(--h)}}
.vs-report .a{{--h:var(--a)}}.vs-report .b{{--h:var(--b)}}.vs-report .c{{--h:var(--c)}}
.vs-report .d{{--h:var(--d)}}.vs-report .e{{--h:var(--e)}}
.vs-report .quiet{{--h:var(--soft)}}
.vs-report .line.dashed{{stroke-dasharray:6 4}}
.vs-report .line.thin{{stroke-width:1.5}}
.vs-report .line.dotted{{stroke-dasharray:1.5 5}}
.vs-report .whisker{{fill:none;stroke:var(--h);stroke-width:1.4;opacity:.75}}
.vs-report .dot.ringed{{stroke:var(--card);stroke-width:1.2}}
.vs-report .hidden{{fill:transparent}}
.vs-report .key{{display:flex;flex-wrap:wrap;gap:2px 14px;font-size:12.5px;
color:var(--soft);margin-top:2px}}
.vs-report .key span{{display:flex;overflow-wrap:anywhere;min-width:0}}
.vs-report .key i{{flex:none;width:18px;height:0;margin:.7em 5px 0 0;
border-top:2.5px solid var(--h)}}
.vs-report .key i.dashed{{border-top-style:dashed}}
.vs-report .key i.dotted{{border-top-style:dotted}}
.vs-report .arm i{{display:inline-block;width:18px;height:0;margin-right:6px;
border-top:2.5px solid var(--h);vertical-align:middle}}
.vs-report .arm i.dashed{{border-top-style:dashed}}
.vs-report .arm i.dotted{{border-top-style:dotted}}
.vs-report .scale{{display:flex;align-items:center;gap:8px;font-size:12.5px;
color:var(--soft)}}
.vs-report .scale i{{flex:1;max-width:170px;height:9px;border-radius:3px;
background:linear-gradient(90deg,{GRADIENT})}}
.vs-report .apart{{margin:12px 0}}
.vs-report .scroll{{overflow-x:auto;background:
linear-gradient(90deg,var(--card) 40%,transparent) 0 0/48px 100% no-repeat local,
linear-gradient(270deg,var(--card) 40%,transparent) 100% 0/48px 100% no-repeat local,
linear-gradient(90deg,var(--shade),transparent) 0 0/16px 100% no-repeat,
linear-gradient(270deg,var(--shade),transparent) 100% 0/16px 100% no-repeat,
var(--card)}}
.vs-report .swipe{{display:none;color:var(--soft);font-size:12.5px;margin:4px 0 0}}
.vs-report .scroll table{{border-collapse:collapse;font-size:13.5px;width:100%;
margin:0;table-layout:auto;color:inherit}}
.vs-report .scroll table tbody tr{{background:none}}
.vs-report .scroll th,.vs-report .scroll td{{text-align:right;padding:6px 12px;
max-width:none;line-height:1.45;white-space:nowrap;border-bottom:1px solid var(--grid)}}
.vs-report .scroll tbody tr:last-child td{{border-bottom:0}}
.vs-report .scroll th{{font-weight:600;color:var(--soft);white-space:normal;
vertical-align:bottom}}
.vs-report ul.plain{{margin:0 0 12px;padding-left:20px;max-width:85ch}}
.vs-report ul.plain li{{margin:3px 0}}
.vs-report .scroll th[title]{{text-decoration:underline dotted;cursor:help}}
.vs-report .scroll th:first-child,.vs-report .scroll td:first-child{{text-align:left}}
.vs-report .scroll td.wrap{{white-space:normal;overflow-wrap:anywhere;min-width:11em}}
.vs-report .scroll table.prose td{{white-space:normal;text-align:left;
vertical-align:top;min-width:6em;overflow-wrap:anywhere}}
.vs-report .scroll table.prose th{{text-align:left}}
.vs-report dl{{display:grid;grid-template-columns:max-content minmax(0,70ch);
gap:4px 18px;margin:8px 0;font-size:13.5px}}
.vs-report dt{{font-weight:600}}.vs-report dd{{margin:0;color:var(--soft)}}
.vs-report td small{{color:var(--soft);font-size:12px}}
.vs-report tr.floor td{{opacity:.55}}
.vs-report details{{margin-top:14px}}
.vs-report summary{{cursor:pointer;font-weight:600;margin-bottom:8px}}
.vs-report pre{{background:var(--card);border:1px solid var(--edge);border-radius:10px;
padding:12px 14px;white-space:pre-wrap;overflow-wrap:anywhere;
font-size:12.5px;margin:0}}
.vs-report .charts+.soft,.vs-report .scroll+.soft{{margin-top:8px}}
.vs-report .pair{{display:grid;gap:14px;align-items:start}}
.vs-report .pair>*{{min-width:0}}
@media (min-width:800px){{.vs-report .pair{{
grid-template-columns:minmax(0,1fr) minmax(0,2fr)}}}}
@media (max-width:480px){{.vs-report main{{padding:18px 12px 32px}}
.vs-report .tiles{{grid-template-columns:1fr 1fr}}
.vs-report .tile b{{font-size:19px}}
.vs-report .swipe{{display:block}}
.vs-report .scroll table.slim td{{white-space:normal;overflow-wrap:anywhere}}
.vs-report .scroll table.slim td.wrap{{min-width:6em}}
.vs-report .scroll table.slim td.number{{overflow-wrap:normal}}
.vs-report .scroll table.slim td:not(.wrap) small{{overflow-wrap:normal}}
.vs-report .scroll th,.vs-report .scroll td{{padding:6px 9px}}
.vs-report dl{{grid-template-columns:1fr;gap:0}}.vs-report dd{{margin:0 0 8px}}
.vs-report h1{{font-size:22px}}.vs-report .lead{{font-size:16px}}}}
@media print{{.vs-report{{font-size:11px;{_LIGHT}}}
.vs-report figure,.vs-report .tile,.vs-report tr{{break-inside:avoid}}
.vs-report h2,.vs-report h3,.vs-report summary{{break-after:avoid}}
.vs-report details::details-content{{content-visibility:visible}}
.vs-report .scroll{{overflow:visible;border:0}}.vs-report .swipe{{display:none}}
.vs-report .scroll table{{font-size:8.5px}}.vs-report td small{{font-size:7.5px}}
.vs-report .scroll th,.vs-report .scroll td{{padding:2px 5px}}
.vs-report .charts{{grid-template-columns:1fr 1fr}}}}
"""
