"""The study as a self-contained HTML fragment, from its summary alone."""

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from models.pod.charts import Series, chart

_STYLE: Final = """
<style>
.pod table{border-collapse:collapse;margin:.5rem 0 1rem;font-variant-numeric:tabular-nums}
.pod th,.pod td{border-bottom:1px solid #8886;padding:.15rem .6rem;text-align:right}
.pod th:first-child,.pod td:first-child{text-align:left}
.pod .pod-chart{max-width:100%;height:auto;font:11px system-ui,sans-serif;stroke:currentColor;fill:none}
.pod .pod-chart text{fill:currentColor;stroke:none}
.pod .pod-warning{border-left:4px solid #c2571a;padding-left:.6rem}
.pod .pod-scroll{overflow-x:auto}
</style>
"""


def html_fragment(summary: Mapping[str, Any]) -> str:
    """Return a ``<section>`` with tables and curves, from what :func:`models.pod.summary.summarise` returned.

    It refers to nothing outside itself and runs no script.
    """
    parts = [
        _STYLE,
        f"<h2>{_text(summary['title'])}</h2>",
        f'<p class="pod-warning"><strong>These defects are drawn, not real.</strong> {_text(summary["renderer"])}</p>',
        *(f'<p class="pod-warning">{_text(warning)}</p>' for warning in summary["warnings"]),
        _bases(summary),
        f"<p>{_text(summary['method'])}</p>",
        _overview(summary["classes"]),
        *(_class(kind, one) for kind, one in summary["classes"].items()),
        _hairlines(summary["hairlines"]) if summary["hairlines"] else "",
        _real(summary["real"]) if summary["real"] else "",
    ]
    return f'<section class="pod">{"".join(parts)}</section>\n'


def _bases(summary: Mapping[str, Any]) -> str:
    bases = summary["bases"]
    calls = bases["false_calls"]
    sentences = [
        f"Judge: {_text(summary['judge'])}.",
        f"Base pictures: {_text(summary['base_pictures'])}; {bases['given']} pictures of {bases['groups']} parts.",
        f"False calls, clean pictures not accepted: {_share(calls)}; on those an implant would tell nothing.",
        f"{bases['accepted']} pictures of {bases['groups_accepted']} parts carry implants.",
    ]
    if bases["failed"]:
        sentences.append(f"{len(bases['failed'])} could not be read or judged.")
    per_group = _table(
        ("part", "clean pictures", "not accepted"),
        ((group, one["n"], one["count"]) for group, one in calls["per_group"].items() if one["count"]),
    )
    return f"<p>{' '.join(sentences)}</p>" + (per_group if calls["count"] else "")


def _overview(classes: Mapping[str, Any]) -> str:
    rows = (
        (
            kind,
            one["implants"],
            one["hits"],
            one["located_hits"],
            _of_sign(one["bright"]),
            _of_sign(one["dark"]),
            one["groups"],
            _span(one["size_px"]),
            _span(one["width_px"]),
            _span(one["contrast"]),
            one["left_out"]["count"],
        )
        for kind, one in classes.items()
    )
    heads = ("class", "implants", "hits", "with a box on it", "brighter", "darker", "parts", "size, px", "width, px")
    return _table((*heads, "contrast", "left out"), rows)


def _class(kind: str, one: Mapping[str, Any]) -> str:
    parts = [f"<h3>{_text(kind)}</h3>"]
    parts += [f'<p class="pod-warning">{_text(warning)}.</p>' for warning in one["warnings"]]
    if one["left_out"]["count"]:
        example = one["left_out"]["reasons"][0]["reason"]
        parts.append(f"<p>{one['left_out']['count']} left out. For example: {_text(example)}.</p>")
    if one["model"] is None:
        return "".join([*parts, f"<p>No curve: {_text(one['model_fault'])}.</p>"])
    parts.append(_chart(f"POD of {kind} over size", "size, px", one["at_contrast"], "contrast"))
    parts.append(_chart(f"POD of {kind} over contrast", "contrast", one["at_size"], "size"))
    parts.append(_threshold_table("contrast", "size, px", one["at_contrast"]))
    parts.append(_threshold_table("size", "contrast", one["at_size"]))
    parts.append(_cells(one["cells"]))
    return "".join(parts)


def _chart(title: str, x_label: str, rows: Sequence[Mapping[str, Any]], fixed: str) -> str:
    series = [Series(label=f"{fixed} {_number(row[fixed])}", points=row["curve"]) for row in rows if row["curve"]]
    return chart(title, x_label, series) if series else ""


def _threshold_table(fixed: str, along: str, rows: Sequence[Mapping[str, Any]]) -> str:
    return _table(
        (f"at {fixed}", f"a50 ({along})", "a90", "95 % interval of a90", "a90/95"),
        (
            (
                _number(row[fixed]),
                _reached(row["a50"]),
                _reached(row["a90"]),
                f"{_reached(row['a90_ci95'][0])} to {_reached(row['a90_ci95'][1])}",
                _reached(row["a90_95"]),
            )
            for row in rows
        ),
    )


def _cells(cells: Sequence[Mapping[str, Any]]) -> str:
    sizes = sorted({cell["size"] for cell in cells})
    counts = {(cell["contrast"], cell["size"]): f"{cell['hits']}/{cell['implants']}" for cell in cells}
    rows = (
        (_number(contrast), *(counts[contrast, size] for size in sizes))
        for contrast in sorted({cell["contrast"] for cell in cells})
    )
    return _table(("hits: contrast, by size in px", *(_number(size) for size in sizes)), rows)


def _hairlines(study: Mapping[str, Any]) -> str:
    rows = (
        (
            _number(row["contrast"]),
            _number(row["contrast_measured"]),
            _share(row),
            row["located_hits"],
            _number(row["auroc"]),
            _number(row["width_px"]),
            _number(row["length_px"]),
            row["left_out"],
        )
        for row in study["rows"]
    )
    heads = ("contrast", "measured", "found", "with a box on it", "AUROC", "width, px", "length, px", "left out")
    return (
        "<h3>Hairline scratches</h3><p>1-2 px wide. Found: not accepted, on pictures accepted clean. AUROC: hairlines "
        "against the same pictures clean, those not accepted included. False calls, clean pictures not accepted: "
        f"{_share(study['false_calls'])}.</p>{_table(heads, rows)}"
    )


def _real(comparisons: Sequence[Mapping[str, Any]]) -> str:
    rows = (
        (
            one["class"],
            one["real"],
            one["n"],
            _share(one) if one["n"] else "-",
            f"{_number(one['expected'])}{_interval(one['expected_ci95'])}" if one["n"] else "-",
            {True: "agrees", False: "differs", None: one["note"]}[one["agrees"]],
        )
        for one in comparisons
    )
    heads = ("class", "real defects", "of tested size and contrast", "of these found", "the curve expects", "")
    return f"<h3>Beside real labelled defects</h3>{_table(heads, rows)}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{_text(one)}</th>" for one in heads)
    body = "".join(f"<tr>{''.join(f'<td>{_text(one)}</td>' for one in row)}</tr>" for row in rows)
    return f'<div class="pod-scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _reached(found: Mapping[str, Any]) -> str:
    if found["value"] is not None:
        return _number(found["value"])
    return {"below_range": "below range", "not_reached": "not reached"}[found["status"]]


def _share(one: Mapping[str, Any]) -> str:
    return f"{one['count']}/{one['n']}{_interval(one['ci95'])}"


def _interval(limits: Sequence[float] | None) -> str:
    return f" ({limits[0]:.3f} to {limits[1]:.3f})" if limits else ""


def _of_sign(one: Mapping[str, Any]) -> str:
    return f"{one['count']}/{one['n']}"


def _span(limits: Sequence[float] | None) -> str:
    return f"{_number(limits[0])} to {_number(limits[1])}" if limits else "-"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _text(value: object) -> str:
    return html.escape(str(value))
