'''Report generators: a result dict in, one self-contained HTML page out.

A report is one file, `finops/generators/ID.py`, with `generate_ID_report(data, output_path)`.
It declares what it is, turns the dict into cards, charts and tables, and calls
`page.write_report`, which adds what every page has: header with dataset and period,
findings, recommendations, Revenium value, what was not found, data quality, navigation.
`dataset_overview.py` is the reference.

    from finops.generators import formatting as fmt
    from finops.generators.charts import Axis, Series, bar_chart, line_chart, scatter_chart
    from finops.generators.components import Card, columns, section, text
    from finops.generators.page import Report, write_report
    from finops.generators.tables import Column, table, texts

    REPORT = Report("understanding", "Understanding Usage & Cost", "Where the money goes, …")

    def generate_understanding_report(data, output_path):
        """Write the page for an understanding result."""
        summary, daily = data["summary"], data.get("daily") or []
        write_report(
            REPORT, data, output_path,
            cards=[                                   # the first is the largest
                Card("Total cost", summary["total_cost"], "money", "over 30.0 days"),
                Card("Calls", summary["total_calls"], "count"),
            ],
            body=[
                section(
                    "Where it is heading",
                    line_chart(
                        "daily-cost",                 # name: unique on the page, a constant
                        "Cost of each day",           # caption: what the reader sees in it
                        Axis("Day (UTC)", "date"), Axis("Cost (USD)", "money"),
                        texts(daily, "date"),
                        [Series("Cost", [row["total_cost"] for row in daily])],
                    ),
                ),
                section(
                    "Who causes it",
                    table(
                        "customers", "Cost by customer",
                        [
                            Column("customer_id", "Customer"),
                            Column("subscription_tier", "Tier", "tier", dot=True),
                            Column("total_cost", "Cost", "money"),
                            Column("share_percent", "Share", "percent", bar=True),
                        ],
                        data.get("by_customer") or [],
                        order=("total_cost", "descending"),
                        empty="No customer caused a cost.",
                    ),
                ),
            ],
            value={                                   # all five aspects: (without, with)
                "metadata": ("…", "…"), "realtime": ("…", "…"), "standard": ("…", "…"),
                "automated": ("…", "…"), "actionable": ("…", "…"),
            },
            not_found=["Days without a call were looked for, and there are none."],
        )

Kinds of values (cards, columns, axes): money, count, tokens, ms, percent (0 to 100), share
(0 to 1), number, bytes, seconds; and text, date, flag, severity, provider, feature,
product, model, tier, region.  `formatting.readable(kind, value)` gives the text with its
unit, for sentences; `formatting.money`, `percent`, `count`, `milliseconds` … do the same.

Colours: pass an entity as `("provider", "openai")`, or a role of `charts.ROLES`, to
`Series(colour=…)` or `colours=[…]` of a bar chart; never a hex value.  A band (forecast
interval) is two series with the styles "low" and "high"; a threshold is a constant series
with style "dashed"; marks on a line are a series with None elsewhere and style "points".

Dates: a result with rows by day can pass `daily=ranges.Daily.of(rows, ("total_cost", …))` to
`write_report`, and `over=("total_cost", "sum")` to the cards that follow the chosen dates;
charts with an axis of kind "date" and tables with a column of kind "date" follow by
themselves.  A `Series` with `over` is drawn day by day for chosen dates where the line of the whole
period puts several days into a point.

Tables follow them, too, with `over=Over(sums, (key columns))` and `Column(over=("cost", "sum"))`,
where `sums` come of an analyzer's `by_day` by `sums.pack` and go into the page's `Daily`; bars
follow a table by `ranges.follow`, cards a percentile by `Daily.windows`.  What has no such
sums, or more than fit, says "Whole period".

Missing sections: pass `data.get("section") or []` and an `empty` sentence; parts without
rows become that sentence.  Values from the data may be any text: every part escapes.

Limits: `thresholds.py` lists in words what an analyzer reads of the settings; a test finds what is
missing there.

`data["_context"]`, put there by the pipeline, never needed:

    dataset, period_start, period_end, size_bytes, generated_at   name, ISO texts, bytes
    accounting    {lines, header, used, skipped: [{reason, rows, places: [{file, line,
                   text}]}] (line may be None),
                   repeated_headers, blank, incomplete_tail, notes: [sentences]}
    prices        {source, date};  unpriced_calls  calls that count as free
    reports       [{id, title}, …] in reading order: links to the neighbours
    report        {title, purpose}, for the default page
    calls, cost, tokens, customers, target_size_mb, scenarios     for index and manifest
'''
