"""The report as one HTML file that needs nothing else: no script, no font, no image, nothing from outside.

All text passes through one door, _shown: what could act on a screen becomes an escape (restore.model.text), what
means something to HTML is escaped by the template engine, whoever wrote the template line.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib import resources

import jinja2

from restore.ledger.queue import ItemState, QueueItem
from restore.model.text import safe
from restore.report import curve as drawing
from restore.report.expected import compared_lines
from restore.report.hands import people
from restore.report.layout import span
from restore.report.plan import SCOPE
from restore.report.pop3 import pop3_lines
from restore.report.recovery import (
    SERVICES,
    SINGULAR,
    TITLES,
    CustomerPart,
    Recovery,
    Spread,
    State,
    by_cause,
    moments,
    recovery_points,
    recovery_times,
    sums,
)
from restore.report.summary import POINTED, point_text, since_text

LONGEST = 4000
LINES_A_THING = 200
MARK = "<!doctype html>\n<!-- a report of bulkrestore -->\n"


def incident_page(recovery: Recovery, made: datetime, lost: datetime | None = None) -> str:
    """The whole incident. `made` is the present time, `lost` when the old servers were lost, where somebody states
    it (both UTC)."""
    items = recovery.items
    return _render(
        "page_incident.html",
        title="Recovery report",
        recovery=recovery,
        made=made,
        panels=[_panel(recovery, service, lost) for service in SERVICES],
        since=since_text(recovery, lost),
        counted=sums(items),
        causes=by_cause(recovery.failures),
        questions=_by_cause([one for one in recovery.queue if one.state is not ItemState.DONE]),
        settled=sum(one.state is ItemState.DONE for one in recovery.queue),
        people=people(recovery),
        forecast=compared_lines(recovery),
        pop3=pop3_lines(recovery.pop3),
        lost=lost,
        points=_points(recovery, lost) if lost else [],
        point=point_text(recovery, lost),
        numbered=list(enumerate(recovery.customers, 1)),
        most=LINES_A_THING,
    )


def _points(recovery: Recovery, lost: datetime) -> list[tuple[str, Spread]]:
    found = ((TITLES[service], recovery_points(recovery, lost, service)) for service in POINTED)
    return [(title, points) for title, points in found if points is not None]


def customer_page(recovery: Recovery, customer: CustomerPart, made: datetime) -> str:
    """One customer, whole: what a person needs before him while that customer is on the telephone."""
    return _render(
        "page_customer.html",
        title=f"Customer {customer}",
        recovery=recovery,
        made=made,
        customer=customer,
        questions=[one for item in customer.items for one in item.questions],
        most=None,
    )


def _panel(recovery: Recovery, service: str, lost: datetime | None) -> dict[str, object]:
    counts = sums(recovery.items)[service]
    total = sum(counts.values())
    began = recovery.began
    ends = recovery.latest
    seconds = (ends - began).total_seconds() if began and ends else 0.0
    runs = [(run.started - began).total_seconds() for run in recovery.runs if began and run.started >= began]
    return {
        "title": TITLES[service],
        "total": total,
        "counts": counts,
        "times": recovery_times(recovery, service, lost),
        "curve": drawing.curve(moments(recovery, service), total, seconds, runs),
    }


def _by_cause(questions: Sequence[QueueItem]) -> list[tuple[str, list[QueueItem]]]:
    groups: dict[str, list[QueueItem]] = {}
    for one in questions:
        groups.setdefault(one.item.cause, []).append(one)
    return sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))


def _shown(value: object) -> object:
    """Every value a template shows passes through here."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    if len(value) <= LONGEST and value.isprintable():
        return value
    return safe(value, LONGEST)


def _source(name: str) -> str:
    return resources.files("restore.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["span"] = span
    environment.filters["time"] = lambda at: f"{at:%Y-%m-%d %H:%M:%S}"
    environment.globals |= {"State": State, "SINGULAR": SINGULAR, "SCOPE": SCOPE, "drawing": drawing}
    return environment


def _render(name: str, **content: object) -> str:
    style = _source("page.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return MARK + _templates().get_template(name).render(style=style, policy=policy, **content)
