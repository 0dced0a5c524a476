"""The style sheet of a report: light and dark, from a phone to a wide screen."""

from __future__ import annotations

from typing import Final

from vaccine_swift.drift._heat import GRADIENT

__all__ = ["STYLE"]

# Lines use Okabe and Ito's colours, "Color Universal Design" (2008), which people with
# any form of colour blindness tell apart; the dark page has lighter ones of these hues.
_LIGHT: Final = """--page:#f6f7f9;--card:#fff;--ink:#1b2330;--soft:#5c6675;
--grid:#e6e9ee;--axis:#aab2bd;--a:#0072b2;--b:#d55e00;--c:#009e73;--d:#b0588d;--e:#8a6d00;
--edge:#e2e5ea;--wash:#eef2f7"""
_DARK: Final = """--page:#11151b;--card:#1a2029;--ink:#e7ebf1;--soft:#9aa5b4;
--grid:#2a323d;--axis:#566172;--a:#56b4e9;--b:#f0894a;--c:#3dc79d;--d:#dd94bf;--e:#e0c341;
--edge:#2a323d;--wash:#222a35"""

STYLE: Final = f"""
.vs-drift{{{_LIGHT};color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",
Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}}
@media (prefers-color-scheme:dark){{.vs-drift{{{_DARK}}}}}
.vs-drift.inset{{background:var(--page);border-radius:10px;padding:14px}}
.vs-drift *{{box-sizing:border-box}}
.vs-drift main{{max-width:1240px;margin:0 auto;padding:28px 20px 48px}}
.vs-drift h1{{font-size:26px;line-height:1.2;margin:0 0 6px;letter-spacing:-.01em}}
.vs-drift h2{{font-size:18px;margin:36px 0 4px}}
.vs-drift h3{{font-size:14px;margin:0 0 2px;font-weight:650}}
.vs-drift p{{margin:0 0 12px;max-width:75ch}}
.vs-drift .lead{{max-width:none;font-size:17px;margin-bottom:18px}}
.vs-drift .soft,.vs-drift figcaption{{color:var(--soft);font-size:13px}}
.vs-drift .tiles{{display:grid;gap:10px;margin:0 0 8px;
grid-template-columns:repeat(auto-fit,minmax(150px,1fr))}}
.vs-drift .tile,.vs-drift figure,.vs-drift .scroll{{background:var(--card);
border:1px solid var(--edge);border-radius:10px}}
.vs-drift .tile{{padding:10px 14px}}
.vs-drift .tile b{{display:block;font-size:22px;line-height:1.25;font-weight:650}}
.vs-drift .tile span{{color:var(--soft);font-size:13px;display:block}}
.vs-drift .charts{{display:grid;gap:14px;
grid-template-columns:repeat(auto-fill,minmax(min(100%,350px),1fr))}}
.vs-drift figure{{margin:0;max-width:600px;padding:12px 14px 10px}}
.vs-drift figcaption{{margin-top:4px}}
.vs-drift svg{{display:block;width:100%;height:auto;overflow:visible}}
.vs-drift svg text{{font:11.5px system-ui,sans-serif;fill:var(--soft)}}
.vs-drift svg .note{{fill:var(--ink)}}
.vs-drift .grid{{stroke:var(--grid)}}.vs-drift .axis{{stroke:var(--axis)}}
.vs-drift image{{image-rendering:pixelated}}
.vs-drift .line{{fill:none;stroke:var(--h);stroke-width:2;stroke-linejoin:round;
stroke-linecap:round}}
.vs-drift .band{{fill:var(--h);opacity:.17}}
.vs-drift .bar{{fill:var(--h);opacity:.55}}
.vs-drift .dot{{fill:var(--h)}}
.vs-drift .a{{--h:var(--a)}}.vs-drift .b{{--h:var(--b)}}.vs-drift .c{{--h:var(--c)}}
.vs-drift .d{{--h:var(--d)}}.vs-drift .e{{--h:var(--e)}}
.vs-drift .quiet{{--h:var(--soft)}}
.vs-drift .line.dashed{{stroke-dasharray:6 4}}
.vs-drift .line.thin{{stroke-width:1.5}}
.vs-drift .hidden{{fill:transparent}}
.vs-drift .key{{display:flex;flex-wrap:wrap;gap:2px 14px;font-size:12.5px;
color:var(--soft);margin-top:2px}}
.vs-drift .key i{{display:inline-block;width:18px;height:0;margin-right:5px;
border-top:2.5px solid var(--h);vertical-align:middle}}
.vs-drift .key i.dashed{{border-top-style:dashed}}
.vs-drift .scale{{display:flex;align-items:center;gap:8px;font-size:12.5px;
color:var(--soft)}}
.vs-drift .scale i{{flex:1;max-width:170px;height:9px;border-radius:3px;
background:linear-gradient(90deg,{GRADIENT})}}
.vs-drift .scroll{{overflow-x:auto}}
.vs-drift table{{border-collapse:collapse;font-size:13.5px;width:100%}}
.vs-drift th,.vs-drift td{{text-align:right;padding:6px 12px;white-space:nowrap;
border-bottom:1px solid var(--grid)}}
.vs-drift tr:last-child td{{border-bottom:0}}
.vs-drift th{{font-weight:600;color:var(--soft)}}
.vs-drift th:first-child,.vs-drift td:first-child{{text-align:left}}
.vs-drift td.wrap{{white-space:normal;overflow-wrap:anywhere;min-width:11em}}
.vs-drift td small{{color:var(--soft);font-size:12px}}
.vs-drift tr.floor td{{opacity:.55}}
.vs-drift details{{margin-top:14px}}
.vs-drift summary{{cursor:pointer;font-weight:600;margin-bottom:8px}}
.vs-drift pre{{background:var(--card);border:1px solid var(--edge);border-radius:10px;
padding:12px 14px;overflow-x:auto;font-size:12.5px;margin:0}}
.vs-drift .pair{{display:grid;gap:14px;align-items:start}}
@media (min-width:800px){{.vs-drift .pair{{
grid-template-columns:minmax(0,1fr) minmax(0,2fr)}}}}
@media (max-width:480px){{.vs-drift main{{padding:18px 12px 32px}}
.vs-drift .tiles{{grid-template-columns:1fr 1fr}}
.vs-drift .tile b{{font-size:19px}}
.vs-drift h1{{font-size:22px}}.vs-drift .lead{{font-size:16px}}}}
@media print{{.vs-drift figure,.vs-drift .tile{{break-inside:avoid}}}}
"""
