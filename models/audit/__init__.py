"""The audit of a bundle before it ships: what it can be trusted with, and a page that says so."""

from models.audit.audit import Audit, audit_judgements
from models.audit.figures import figures
from models.audit.page import render_report
from models.audit.pictures import ReportPicture, report_picture
from models.audit.subject import Claim, Subject, SubjectView

__all__ = [
    "Audit",
    "Claim",
    "ReportPicture",
    "Subject",
    "SubjectView",
    "audit_judgements",
    "figures",
    "render_report",
    "report_picture",
]
