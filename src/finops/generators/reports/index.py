"""The index page: figures and daily cost, then what to do, then every report by domain."""

from __future__ import annotations

from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Generic,
    List,
    Mapping,
    Sequence,
    Tuple,
    Type,
    TypeVar,
    Union,
)

from finops import config
from finops.atomic import write_aside
from finops.generators import formatting
from finops.generators.action_list import MOST_OF_A_LIST, ActionList, Ranked, action_lists
from finops.generators.basis_line import missing_words
from finops.generators.components import Part, drawer, section, severity_badge, text
from finops.generators.data_quality import basis, data_quality
from finops.generators.first_screen import first_screen, unknown_sentences
from finops.generators.markup import Markup, fill, join, token
from finops.generators.navigation import DOMAIN_ORDER, page_link
from finops.generators.page import Report, render
from finops.generators.tables import bar
from finops.results.abuse_detection import AbuseSummary
from finops.results.alignment import AlignmentSummary
from finops.results.base import Basis, from_dict
from finops.results.churn_growth import ChurnSummary
from finops.results.dataset_overview import OverviewSummary
from finops.results.features import FeaturesSummary
from finops.results.geographic_latency import GeographicSummary
from finops.results.optimization import OptimizationSummary
from finops.results.performance import PerformanceSummary
from finops.results.pricing import PricingSummary
from finops.results.profitability import ProfitabilitySummary
from finops.results.realtime import RealtimeSummary
from finops.results.token_economics import TokenSummary
from finops.results.understanding import UnderstandingSummary

Data = Mapping[str, Any]

REPORT = Report(
    "index",
    "AI cost at a glance",
    "What AI calls cost, where the cost is going, and what to do about it.",
)

_Summary = TypeVar("_Summary", bound=Tuple[Any, ...])


class _Headline(Generic[_Summary]):
    """The figure that stands for a report: of its summary, words after it, kind of value."""

    def __init__(
        self,
        summary: Type[_Summary],
        figure: Callable[[_Summary], object],
        words: str,
        kind: str,
        one: str = "",
    ) -> None:
        self._summary = summary
        self._figure = figure
        self._words = words
        self._one = one or words
        self.kind = kind

    def words(self, value: object) -> str:
        """Return the words after a figure, in the singular after 1."""
        return self._one if value == 1 else self._words

    def of(self, result: Data) -> object:
        """Return the figure of a result's dict, None where it has none."""
        return self._figure(from_dict(self._summary, result.get("summary") or {}))


_HEADLINES: Dict[str, _Headline[Any]] = {
    "dataset_overview": _Headline(
        OverviewSummary, lambda s: s.total_calls, "calls", "count", "call"
    ),
    "understanding": _Headline(
        UnderstandingSummary, lambda s: s.forecast_30_days, "forecast for 30 days", "money"
    ),
    "performance": _Headline(
        PerformanceSummary,
        # A few calls are no service level.
        lambda s: (
            s.sla_compliance_percent if (s.measured_calls or 0) >= config.MODEL_MIN_CALLS else None
        ),
        "within the SLA",
        "percent",
    ),
    "realtime": _Headline(
        RealtimeSummary, lambda s: s.anomaly_count, "anomalous hours", "count", "anomalous hour"
    ),
    "optimization": _Headline(
        OptimizationSummary,
        lambda s: s.first_step_monthly_savings,
        "to save per month by the easiest step",
        "money",
    ),
    "alignment": _Headline(
        AlignmentSummary,
        lambda s: s.top_organization_share_percent if (s.organization_count or 0) > 1 else None,
        "caused by one organization",
        "percent",
    ),
    "profitability": _Headline(
        ProfitabilitySummary, lambda s: s.margin_percent, "margin", "percent"
    ),
    "pricing": _Headline(
        PricingSummary, lambda s: s.best_monthly_revenue, "per month under the best model", "money"
    ),
    "features": _Headline(
        FeaturesSummary, lambda s: s.feature_count, "features", "count", "feature"
    ),
    "token_economics": _Headline(
        TokenSummary, lambda s: s.cost_per_1m_tokens, "per 1M tokens", "money"
    ),
    "geographic_latency": _Headline(
        GeographicSummary,
        lambda s: s.routing_opportunities,
        "routes to improve",
        "count",
        "route to improve",
    ),
    "churn_growth": _Headline(
        ChurnSummary,
        lambda s: s.churned_customers,
        "customers gone",
        "count",
        "customer gone",
    ),
    "abuse_detection": _Headline(
        AbuseSummary,
        lambda s: s.flagged_customers,
        "customers flagged",
        "count",
        "customer flagged",
    ),
}


def generate_index(
    results: Mapping[str, Data],
    reports: Sequence[Data],
    context: Data,
    output_path: Union[str, Path],
) -> None:
    """Write the index page.

    `results` holds the dicts by id (those that could be computed); `reports` holds for each
    report {id, title, domain, purpose, filename, size_kb, generated_at, seconds, status,
    reason}, where a status other than "ok" marks a page as older and `generated_at`
    None says that there is no page; `context` is the pages' `_context`, with `calls`, `cost`,
    `tokens`, `customers` for the totals and `scenarios` [{filename, title, purpose}] for the
    showcase's pages.  Raises OSError where the file cannot be written.
    """
    write_aside(output_path, index_page(results, reports, context))


def index_page(results: Mapping[str, Data], reports: Sequence[Data], context: Data) -> str:
    """Return the page that `generate_index` writes."""
    made = [report for report in reports if report.get("generated_at")]
    context = dict(context, reports=made)
    parts = [
        first_screen(results, context),
        _actions(action_lists(results, reports), _optimization(results)),
        *_unknown(context),
        *_domains(results, reports),
        *_scenarios(context.get("scenarios") or ()),
        drawer(data_quality(context), basis(context, ())),
    ]
    return render(REPORT, context, parts)


def _optimization(results: Mapping[str, Data]) -> OptimizationSummary:
    """Return what all steps of rate optimization save together."""
    summary = (results.get("optimization") or {}).get("summary") or {}
    return from_dict(OptimizationSummary, summary)


def _actions(lists: Sequence[ActionList], all_steps: OptimizationSummary) -> Part:
    if not lists:
        return section(
            "What to do",
            text("No report found anything that crosses a configured threshold."),
        )
    return section(
        "What to do",
        *(_list(actions, all_steps) for actions in lists),
        lead="The most valuable findings of all reports. Each dollar counts once. The lists "
        "measure different things, so their amounts do not add up.",
    )


def _list(actions: ActionList, all_steps: OptimizationSummary) -> Part:
    shown = actions.items[:MOST_OF_A_LIST]
    most = max(item.worth for item in shown)
    return Part(
        fill(
            '<h3>$title</h3>$total<ol class="summary">$items</ol>',
            title=actions.kind.title,
            total=_total_words(actions, all_steps),
            items=join(_action(item, most, len(shown) > 1) for item in shown),
        )
    )


def _total_words(actions: ActionList, all_steps: OptimizationSummary) -> Markup:
    """Say what the items of a list come to, where there are several amounts of one kind.

    Savings come to what the report on them says, where all steps are added up.
    """
    amounts = [item for item in actions.items if item.worth]
    total = actions.total
    share = None
    if "saving" in actions.kind.kinds and all_steps.total_monthly_savings is not None:
        total, share = all_steps.total_monthly_savings, all_steps.savings_percent
    if len(amounts) < 2 or not actions.kind.amounts or total is None:
        return Markup("")
    rest = len(actions.items) - MOST_OF_A_LIST
    more = f"; {rest} more are in the reports" if rest > 0 else ""
    # What is saved is saved of the present cost, which may be far from that of the period.
    of_what = "" if share is None else f", {formatting.percent(share)} of the present cost"
    return fill(
        '<p class="lead">$total $words in all$of_what$more.</p>',
        total=formatting.money(total),
        words=actions.kind.amounts,
        of_what=of_what,
        more=more,
    )


def _action(item: Ranked, most: float, compared: bool) -> Markup:
    """Return a finding; its amount has a bar where there are others to compare it with."""
    drawn = Markup("")
    figure: Any = severity_badge(str(item.finding.get("severity")))
    if item.worth:
        drawn = bar(item.worth / most * 100) if compared else Markup("")
        figure = fill(
            '<span class="figure" title="$exact USD per month">$worth</span>'
            "<small>per month</small>",
            exact=formatting.exact(item.worth),
            worth=formatting.money(item.worth),
        )
    return fill(
        '<li><div class="sum">$figure$bar</div><div><strong>$title</strong>'
        '<span class="detail">$detail</span>$grades</div><div class="source">$link</div></li>',
        figure=figure,
        bar=drawn,
        title=formatting.with_dates(str(item.finding.get("title", ""))),
        detail=formatting.with_dates(str(item.finding.get("detail", ""))),
        grades=_grades(item.finding),
        link=page_link(f"{item.report['id']}.html", str(item.report.get("title"))),
    )


def _grades(finding: Data) -> Markup:
    """Say how sure an amount is, and what acting on it takes."""
    if not finding.get("impact_usd_per_month") or not finding.get("confidence"):
        return Markup("")
    return fill(
        '<span class="grades">Confidence $confidence, effort $effort</span>',
        confidence=finding["confidence"],
        effort=finding.get("effort") or "not known",
    )


def _unknown(context: Data) -> List[Part]:
    """Return what the data does not say, nothing where it says all."""
    sentences = unknown_sentences(context)
    if not sentences:
        return []
    items = join(fill("<li>$sentence</li>", sentence=sentence) for sentence in sentences)
    listed = Part(fill('<ul class="plain">$items</ul>', items=items))
    return [section("What the data does not show", listed)]


def _domains(results: Mapping[str, Data], reports: Sequence[Data]) -> List[Part]:
    names = dict.fromkeys((*DOMAIN_ORDER, *(str(report.get("domain")) for report in reports)))
    sections = []
    for name in names:
        inside = [report for report in reports if report.get("domain") == name]
        inside.sort(key=lambda report: bool(_missing(results.get(report["id"]) or {})))
        if inside:
            tiles = join(_tile(report, results.get(report["id"]) or {}) for report in inside)
            sections.append(section(name, Part(fill('<ul class="tiles">$tiles</ul>', tiles=tiles))))
    return sections


def _missing(result: Data) -> Sequence[str]:
    """Return the columns that a report needs and the source has not."""
    return from_dict(Basis, result.get("basis")).missing


def _tile(report: Data, result: Data) -> Markup:
    made = report.get("generated_at")
    title = report.get("title") or report["id"]
    return fill(
        '<li><h3>$title</h3><p class="headline">$headline</p><p class="purpose">$purpose</p>'
        '<p class="made">$state$made</p></li>',
        title=page_link(f"{report['id']}.html", title) if made else title,
        headline=missing_words(_missing(result))
        if _missing(result)
        else _headline(str(report["id"]), result),
        purpose=report.get("purpose") or "",
        state=_state(report),
        made=_made(report) if made else "",
    )


def _headline(name: str, result: Data) -> Markup:
    headline, summary = _HEADLINES.get(name), result.get("summary") or {}
    value = headline.of(result) if headline else None
    words, kind = (headline.words(value), headline.kind) if headline else ("calls", "count")
    if value is None:
        value, kind = summary.get("total_calls"), "count"
        words = "call" if value == 1 else "calls"
    if value is None:
        value, words, kind = summary.get("total_cost"), "cost", "money"
    if value is None:
        return Markup("no result")
    return fill(
        '<span class="figure" title="$exact">$value</span> $words',
        exact=formatting.exact(value),
        value=formatting.readable(kind, value),
        words=words,
    )


def _state(report: Data) -> Markup:
    if report.get("status") in ("ok", None):
        return Markup("")
    reason = report.get("reason") or report["status"]
    age = (
        "Showing the previous report: the last run failed"
        if report.get("generated_at")
        else "Not made"
    )
    return fill(
        '<span class="severity warning"><span class="sign" aria-hidden="true">!</span>$age'
        "</span> <span>$reason</span><br>",
        age=age,
        reason=reason,
    )


def _made(report: Data) -> str:
    size = formatting.size(float(report.get("size_kb") or 0) * 1024)
    text_parts = [size, formatting.moment(report.get("generated_at"))]
    if report.get("seconds") is not None:
        text_parts.append(
            f"in {formatting.duration(round(float(report['seconds']), 2))}".replace(" s", "\u00a0s")
        )
    return " · ".join(text_parts)


def _scenarios(pages: Sequence[Data]) -> List[Part]:
    if not pages:
        return []
    tiles = join(
        fill(
            '<li><h3>$title</h3><p class="purpose">$purpose</p></li>',
            title=page_link(str(token(page["filename"])), str(page["title"])),
            purpose=page.get("purpose") or "",
        )
        for page in pages
    )
    return [section("Scenarios", Part(fill('<ul class="tiles">$tiles</ul>', tiles=tiles)))]
