'''Report generators: a result dict in, one self-contained HTML page out.

A report is one file, `finops/generators/reports/ID.py`, with
`generate_ID_report(data, output_path)`.  It declares what it is, turns the result into cards,
charts and tables, and calls `page.write_report`, which adds what every page has: header with
dataset and period, findings, recommendations, Revenium value, what was not found, data quality,
navigation.  `reports/dataset_overview.py` is a whole one; a test runs this example:

    from finops.generators.charts import Axis, Series, line_chart
    from finops.generators.components import Card, section
    from finops.generators.contrast import Contrast
    from finops.generators.page import Report, write_report
    from finops.generators.tables import Column, table, texts
    from finops.results.base import from_dict
    from finops.results.understanding import UnderstandingResult

    REPORT = Report("understanding", "Understanding Usage & Cost", "Where the money goes, …")

    def generate_understanding_report(data, output_path):
        """Write the page for an understanding result."""
        result = from_dict(UnderstandingResult, data)    # what the dict lacks is None or empty
        write_report(
            REPORT, data, output_path,
            cards=[                                   # the first is the largest
                Card("Total cost", result.summary.total_cost, "money", "over 30.0 days"),
                Card("Calls", result.summary.total_calls, "count"),
            ],
            body=[
                section(
                    "Where it is heading",
                    line_chart(
                        "daily-cost",                 # name: unique on the page, a constant
                        "Cost of each day",           # caption: what the reader sees in it
                        Axis("Day (UTC)", "date"), Axis("Cost (USD)", "money"),
                        texts(row.date for row in result.daily),
                        [Series("Cost", [row.total_cost for row in result.daily])],
                    ),
                ),
                section(
                    "Who causes it",
                    table(
                        "customers", "Cost by customer",
                        [
                            Column(lambda row: row.customer_id, "Customer"),
                            Column(lambda row: row.subscription_tier, "Tier", "tier", dot=True),
                            Column(lambda row: row.total_cost, "Cost", "money", order="descending"),
                            Column(lambda row: row.share_percent, "Share", "percent", bar=True),
                        ],
                        result.by_customer,
                        empty="No customer caused a cost.",
                    ),
                ),
            ],
            about=Contrast(                           # what the answer rests on
                needs=("customer_id",),               # columns without which it is not claimed
                without="The cost would be one total.",
                with_it=f"It is split over {result.summary.unique_customers} customers.",
            ),
            not_found=["No days without a call."],
        )

A report knows the types of its result, not the analyzer; a column or a series of a field that is
not there fails the type check.

Kinds of values (cards, columns, axes): money, count, tokens, ms, percent (0 to 100), share
(0 to 1), number, bytes, seconds; and text, date, week (ISO, `2025-W01`), flag, severity, provider,
feature, product, model, tier, region.  `formatting.readable(kind, value)` gives the text with its
unit, for sentences; `formatting.money`, `percent`, `count`, `milliseconds` … do the same.

Colours: pass an entity as `("provider", "openai")`, or a role of `charts.ROLES`, to
`Series(colour=…)` or `colours=[…]` of a bar chart; never a hex value.  A band (forecast
interval) is two series with the styles "low" and "high"; a threshold is a constant series
with style "dashed"; marks on a line are a series with None elsewhere and style "points".

Dates: a result with rows by day can pass `daily=Daily.of(rows, {measure: function of a row})` of
`date_range` to `write_report`, and `recompute=Sum("total_cost")` and its like to the cards that
follow the chosen dates; charts with an axis of kind "date" and tables with a column of kind "date"
follow by themselves.  A `Series` with `recompute` is drawn day by day for chosen dates where the
line of the whole period puts several days into a point.

Tables follow them, too, with `sums=…` from `packed_sums.pack` of a result's `by_day`, which go into
the page's `Daily`: columns say how by `recompute`, and which dimension they hold by `dimension`;
bars follow a table by `date_range.follow`, cards a percentile by `Daily.windows`.  What has no such
sums, or more than fit, says "Whole period".

Missing sections: a section without rows becomes the `empty` sentence of its part.  Values from the
data may be any text: every part escapes.

Limits: `thresholds.py` lists in words what an analyzer reads of the settings; a test finds what is
missing there.

`data["_context"]`, put there by the pipeline, never needed:

    dataset, period_start, period_end, size_bytes, generated_at   name, ISO texts, bytes
    first_hour, last_hour   the hours of the reporting time zone that the data begins and ends with
    partial_dates   those of its first and last date that the data covers only in part
    accounting    {lines, header, used, skipped: [{reason, rows, places: [{file, line,
                   text}]}] (line may be None),
                   repeated_headers, blank, incomplete_tail, notes: [sentences]}
    prices        {source, date, dated: whether any price has a first day, conflicts: [{provider,
                   model, keys}]};  unpriced_calls  calls whose cost is missing
    coverage      {column: percent of the calls that carry it}, for claims
    providers, models   how many there are
    reading       the reading options of the run, as texts
    reports       [{id, title, domain, purpose}, …] in reading order: links to the neighbours
    report        {title, purpose}, for the default page
    events        [{start, end, title, subject}, …]: marks on charts over time
    chart_library whether a copy of Chart.js lies beside the pages
    calls, cost, tokens, customers, target_size_mb, scenarios     for index and manifest
'''
