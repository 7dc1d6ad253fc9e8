"""The section of pictures that a person should look at first."""

from collections.abc import Mapping

from models.audit.markup import Html, heading, html, joined, paragraph
from models.audit.pictures import LABELLED, PREDICTED, ReportPicture, detail_svg, whole_svg
from models.audit.worst import WorstCases, regret
from models.evaluation import InForce, JudgedImage, limits_for


def worst_cases(cases: WorstCases, limits: InForce, pictures: Mapping[str, ReportPicture]) -> Html:
    """Return the cards of one kind of error, or of what came nearest to it; nothing where no part is of that kind."""
    if not cases.pictures:
        return Html("")
    cards = [_card(image, limits, pictures.get(image.entry.file)) for image in cases.pictures]
    return joined([heading(cases.title), _key(cases), '<div class="cards">', *cards, "</div>"])


def _key(cases: WorstCases) -> Html:
    order = {
        ("escape", False): "Defective parts that were accepted, those furthest beyond the limit first.",
        ("escape", True): "Defective parts that were not accepted, those nearest to the limit first.",
        ("overkill", False): "Good parts that were rejected, those furthest beyond the limit first.",
        ("overkill", True): "Good parts that were not rejected, those nearest to the limit first.",
    }[cases.kind, cases.nearest]
    return Html(
        f'<p class="note key"><span style="color:{LABELLED}"></span>labelled box'
        f'<span style="color:{PREDICTED}"></span>predicted box. {html(order)} Left the whole picture, right the detail '
        "in the white frame, its contrast stretched.</p>"
    )


def _card(image: JudgedImage, limits: InForce, shown: ReportPicture | None) -> str:
    entry = image.entry
    group = f" ({entry.group})" if entry.group is not None else ""
    classes = sorted({box.category for box in entry.boxes if not box.ignore})
    beyond = regret(image, limits_for(limits, image.entry.view))
    verdict = image.decision.label.replace("_", " ")
    facts = [f"score {image.score:.3f}" if image.score is not None else "no score", verdict]
    if image.code:
        facts.append(f"code {image.code}")
    if beyond is not None:
        limit = "accept" if image.bad else "reject"
        side = "beyond" if beyond > 0.0 else "short of"
        facts.append(f"{abs(beyond):.3f} {side} the {limit} limit")
    if image.bad:
        facts.append(", ".join(classes) if classes else "no box labelled")
    views = ""
    if shown is not None:
        views = f'<div class="views">{whole_svg(shown, image)}{detail_svg(shown, image)}</div>'
    else:
        views = paragraph("The picture could not be shown.", "note")
    return f'<div class="card">{views}<p><b>{html(entry.file)}</b>{html(group)}: {html("; ".join(facts))}</p></div>'
