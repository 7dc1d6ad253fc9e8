"""The report's style sheet: for a screen and for A4 paper."""

from typing import Final

from models.audit.charts import BAD, FAINT, GOOD, INK, LINE

STYLE: Final = f"""
@page {{ size: A4; margin: 14mm 13mm; }}
* {{ box-sizing: border-box; }}
html {{ -webkit-print-color-adjust: exact; print-color-adjust: exact; }}
body {{ margin: 0 auto; max-width: 960px; padding: 28px 24px 60px; color: {INK}; background: #fff;
  font: 15px/1.5 "Segoe UI", "Helvetica Neue", Arial, "Liberation Sans", sans-serif; }}
header p {{ margin: 2px 0; color: {FAINT}; }}
h1 {{ font-size: 26px; line-height: 1.2; margin: 0 0 4px; overflow-wrap: anywhere; }}
h2 {{ font-size: 19px; margin: 40px 0 8px; padding-top: 12px; border-top: 2px solid {INK}; break-after: avoid; }}
h3 {{ font-size: 15px; margin: 22px 0 6px; break-after: avoid; }}
p {{ max-width: 76ch; margin: 6px 0 10px; }}
.note {{ color: {FAINT}; font-size: 13px; }}
.answer {{ margin: 18px 0 14px; padding: 16px 20px 14px; border-left: 8px solid; break-inside: avoid; }}
.answer h2 {{ border: 0; margin: 0; padding: 0; font-size: 15px; font-weight: 400; }}
.answer .word {{ font-size: 34px; font-weight: 700; line-height: 1.25; margin: 0 0 2px; }}
.no {{ border-color: #b42318; background: #fdf1ef; }} .no .word {{ color: #b42318; }}
.not_yet {{ border-color: #b7791f; background: #fdf8ec; }} .not_yet .word {{ color: #8a5a0b; }}
.yes {{ border-color: {GOOD}; background: #eef7f5; }} .yes .word {{ color: {GOOD}; }}
ul.reasons {{ list-style: none; margin: 10px 0 0; padding: 0; }}
ul.reasons li {{ padding: 5px 0 5px 92px; position: relative; font-size: 14px; border-top: 1px solid #0001; }}
ul.reasons b {{ position: absolute; left: 0; width: 84px; font-size: 11px; line-height: 21px;
  letter-spacing: .04em; text-transform: uppercase; }}
.against {{ color: #b42318; }} .open {{ color: #8a5a0b; }} .for {{ color: {GOOD}; }}
.tiles {{ display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px; margin: 14px 0; }}
.tile {{ border: 1px solid {LINE}; border-radius: 4px; padding: 10px 14px; break-inside: avoid; }}
.tile .name {{ font-size: 12px; color: {FAINT}; }}
.tile .value {{ font-size: 25px; font-weight: 700; line-height: 1.25; white-space: nowrap; }}
.tile .detail {{ font-size: 12px; color: {FAINT}; }}
table {{ border-collapse: collapse; width: 100%; margin: 8px 0 14px; font-size: 13px; break-inside: avoid;
  font-variant-numeric: tabular-nums; }}
thead {{ display: table-header-group; }}
tr {{ break-inside: avoid; }}
th {{ text-align: left; font-weight: 600; border-bottom: 1.5px solid {INK}; padding: 4px 10px 4px 0;
  vertical-align: bottom; }}
td {{ border-bottom: 1px solid {LINE}; padding: 4px 10px 4px 0; vertical-align: top; overflow-wrap: anywhere; }}
td small {{ color: {FAINT}; white-space: nowrap; margin-left: 3px; }}
td.hit {{ color: {BAD}; font-weight: 700; }} td.hit small {{ font-weight: 400; }}
svg.chart {{ display: block; width: 100%; height: auto; margin: 6px 0; break-inside: avoid; font-family: inherit; }}
.half {{ max-width: 460px; }}
.beside {{ display: grid; grid-template-columns: minmax(0, 5fr) minmax(0, 6fr); gap: 26px; align-items: start; }}
.cards {{ display: grid; grid-template-columns: 1fr 1fr; gap: 14px; }}
.card {{ border: 1px solid {LINE}; border-radius: 4px; overflow: hidden; break-inside: avoid; background: #fff; }}
.card .views {{ display: flex; gap: 2px; background: #111; align-items: stretch; justify-content: center; }}
.card .views svg {{ display: block; flex: 1 1 0; min-width: 0; max-height: 260px; height: auto; }}
.card p {{ margin: 0; padding: 6px 10px 7px; font-size: 12px; line-height: 1.4; overflow-wrap: anywhere; }}
.key {{ break-after: avoid; }}
.key span {{ display: inline-block; width: 22px; height: 0; border-top: 3px solid; vertical-align: middle;
  margin: 0 5px 0 14px; }}
.key span:first-child {{ margin-left: 0; }}
footer {{ margin-top: 40px; border-top: 1px solid {LINE}; padding-top: 10px; }}
@media (max-width: 700px) {{
  .tiles, .cards, .beside {{ grid-template-columns: minmax(0, 1fr); }}
  table {{ display: block; overflow-x: auto; }}
  ul.reasons li {{ padding-left: 0; }} ul.reasons b {{ position: static; display: block; }}
}}
@media print {{
  body {{ max-width: none; padding: 0; font-size: 12px; }}
  .tiles {{ grid-template-columns: repeat(4, 1fr); }} .cards {{ grid-template-columns: 1fr 1fr; }}
  h2 {{ margin-top: 26px; }} table, .note {{ font-size: 11px; }} ul.reasons li {{ font-size: 12px; }}
  .card p {{ font-size: 10.5px; }}
}}
"""
