"""Every constant of the product: paths, sizes, intervals, thresholds, business tables.

Nothing else in the code contains a business number.  Prices and models are in `catalog`.
Money is in USD, times in the unit that the name ends with, shares are percentages (0 to 100)
unless the name says otherwise.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict, FrozenSet, Mapping, NamedTuple, Optional, Tuple, Union

# --- paths and sizes -------------------------------------------------------------------------

MEGABYTE = 1_048_576
TARGET_SIZE_MB = 50
BATCH_SIZE = 5000

_PACKAGE = Path(__file__).resolve().parent
# src/finops/config.py in a checkout: two levels above lies the file that marks the project.  In
# an archive the package is no folder, whatever lies beside it.
_CHECKOUT = _PACKAGE.parent.parent
_IN_CHECKOUT = _PACKAGE.is_dir() and (_CHECKOUT / "finops.py").is_file()
PROJECT_ROOT = _CHECKOUT if _IN_CHECKOUT else Path.cwd()

DATA_CSV_PATH = PROJECT_ROOT / "data" / "simulated_calls.csv"
REPORT_DIR = PROJECT_ROOT / "reports" / "html"

# --- viewer ----------------------------------------------------------------------------------

VIEWER_PORT = 8000
MONITOR_INTERVAL_S = 10
STATUS_POLL_INTERVAL_S = 15
# Reports are made anew when the data grew by this much, or by less and then stood still, and
# not more often than the gap; after failures the gap doubles up to the longest pause.
REGENERATE_GROWTH_BYTES = 5 * MEGABYTE
REGENERATE_GAP_S = 30
REGENERATE_MAX_PAUSE_S = 600

JOB_TIME_LIMIT_S = 300
JOB_TERMINATE_GRACE_S = 1
MAX_RUNNING_JOBS = 5
MAX_QUEUED_JOBS = 13
FINISHED_JOBS_KEPT = 50
# Told to stop, the server gives running jobs the grace, and is gone at the limit whatever happens.
SHUTDOWN_GRACE_S = 2
SHUTDOWN_LIMIT_S = 4.5
MAX_GENERATE_MB = 2048
EXAMPLE_TIME_LIMIT_S = 60
METRICS_PATIENCE_S = 8  # how long a scrape waits for new counters
METRICS_REST = 9  # of what takes longer than that: how many times as long nothing is read
JOB_OUTPUT_SHOWN_BYTES = 65_536

# Limits of the local server, per connection unless the name says otherwise.
HTTP_HEAD_S = 5
HTTP_REQUEST_S = 30
HTTP_HEAD_BYTES = 16_384
HTTP_HEADERS = 64
HTTP_BODY_BYTES = MEGABYTE
HTTP_INFLATED_BYTES = 8 * MEGABYTE
HTTP_MAX_MARKS = 25_000  # brackets, texts and commas in the JSON of one body
HTTP_SLOTS = 64
HTTP_BACKLOG = 256

COLLECTED_NAME = "collected_calls.csv"
COLLECT_MAX_EVENTS = 1000
COLLECT_MAX_EVENT_BYTES = 128 * 1024
COLLECT_MAX_MARKS = 200_000  # the same in that of a batch
COLLECT_MAX_DEPTH = 32
COLLECT_MAX_TEXT = 512
COLLECT_KEPT_ANSWERS = 10_000
COLLECT_MAX_WAITING = 32
COLLECT_WAITING_BYTES = 16 * MEGABYTE
COLLECT_LOCK_WAIT_S = 2

# So many rows of a list are in the JSON of a result, before one row on all others.
LISTED_ROWS = 10_000

# --- reading ---------------------------------------------------------------------------------

MAX_LINE_BYTES = MEGABYTE  # without its end; longer ones are skipped
MAX_RECORD_LINES = 1000  # of a record whose quoted fields contain line ends
MAX_COST_USD = 1e9
MAX_TOKENS = 10**12
MAX_LATENCY_MS = 10**9
MAX_CALLS = 10**9
MAX_BUCKET_S = 10**9
MAX_CALLS_OF_A_MOMENT = 100  # a row for more of them is an aggregate
MOST_KEYS = 200_000  # customers, kinds of calls, or hours, that the reports of a scan may have
# Sessions whose costs are added up one by one; of more nothing is said, to bound memory.
MOST_SESSIONS = 100_000
TOP_SESSIONS = 10
# A call of the same trace so soon after a failed one is a retry.
RETRY_WINDOW_S = 15 * 60
PLAUSIBLE_FROM = "2015-01-01"  # what is earlier, or further ahead than this, is implausible
FUTURE_TOLERANCE_HOURS = 24
IMPLAUSIBLE_SHARE_PCT = 1  # of the rows, from which on they are how the data is
# Never used, whatever the share: a report over more centuries than these has no end.
USABLE_FROM = "1970-01-01"
USABLE_UNTIL = "2200-01-01"
SKIPPED_LINES_KEPT = 20
SKIPPED_TEXT_KEPT = 80  # characters of each of them
UNKNOWN = "unknown"
EVENTS_SUFFIX = ".events.csv"  # of a file beside a table, and no table of calls itself
UNALLOCATED = "unallocated"  # the customer of calls that name none

# --- writing ---------------------------------------------------------------------------------

SYNC_EVERY_BATCHES = 20

# --- thresholds of the analyzers -------------------------------------------------------------

SLA_THRESHOLD_MS = 2000
P95_THRESHOLD_MS = 1500
P99_THRESHOLD_MS = 2500
HIGH_MARGIN_THRESHOLD_PCT = 50
MEDIUM_MARGIN_THRESHOLD_PCT = 20
LOW_MARGIN_THRESHOLD_PCT = 0
HIGH_COST_THRESHOLD_USD = 100
ANOMALY_MULTIPLIER = 3
MIN_FEATURE_CALLS = 100
DAYS_PER_MONTH = 30

# Calls that waste money: a long prompt with hardly any answer; a short exchange on an expensive
# model.
INEFFICIENT_PROMPT_MIN_INPUT_TOKENS = 1000
INEFFICIENT_PROMPT_MAX_OUTPUT_RATIO = 0.1
INEFFICIENT_PROMPT_MEDIAN_FACTOR = 3  # times the median of its feature and task
SIMPLE_TASK_MAX_TOKENS = 200
# Such prompts make a customer a waster from this number and this share of its calls, if that is
# so many times the share of all others, and beyond what chance makes of it.
PROMPT_WASTER_MIN_CALLS = 20
PROMPT_WASTER_MIN_SHARE_PCT = 1.5
PROMPT_WASTER_FACTOR = 3
PROMPT_WASTER_PRIOR_CALLS = 100
PROMPT_WASTER_CHANCE = 1e-6

# Tasks whose answers stay good one capability class lower.
DOWNGRADABLE_TASKS: FrozenSet[str] = frozenset(
    {"chat", "summarization", "translation", "classification", "extraction"}
)

# A cheaper model must save more than this share of the cost; less is binary rounding.
SWITCH_MIN_SAVINGS_PERCENT = 1e-9
# Who paid more than this above the price list would also pay more than the list elsewhere.
LIST_PRICE_TOLERANCE_PCT = 10

# A model is expensive above this blended price; of a wasted prompt, this share of its input could
# go.
OVERPRICED_BLENDED_PRICE_PER_1M_USD = 5.0
INEFFICIENT_PROMPT_WASTED_PERCENT = 90
# One customer's switch of one model is listed where the period's savings exceed this.
OPPORTUNITY_MIN_SAVINGS_USD = 1.0

# Less than this is no money: a ratio to it would only be noise, or infinite.
NEGLIGIBLE_USD = 1e-9
# Less per month, and less than this share of the monthly cost, is not worth a warning.
NOTABLE_USD_PER_MONTH = 1.0
NOTABLE_SHARE_PCT = 0.5
# Subjects of one kind that recommendations name one by one; the rest share a sentence.
RECOMMENDED_SUBJECTS = 3
# Fewer covered days give no figures per month, no margins and no advice on prices.  A customer
# seen in so many of the first dates was there before the data.
SHORT_PERIOD_DAYS = 7

# Alternatives to the flat rate, in USD a month and monthly calls of one customer.
USAGE_PRICE_PER_1K_CALLS_USD = 100.0
TIERED_PRICES_USD: Tuple[Tuple[float, float], ...] = (
    (1_000, 49.0),  # up to and including so many calls: so much
    (10_000, 199.0),
)
TIERED_TOP_PRICE_USD = 999.0
HYBRID_BASE_PRICE_USD = 99.0
HYBRID_INCLUDED_CALLS = 5_000
HYBRID_PRICE_PER_1K_CALLS_USD = 50.0
# Prices tried for the usage-based model, as multiples of the configured one.
PRICE_SENSITIVITY_FACTORS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0)
# The heaviest third subsidised by the others: its share of cost above its share of revenue.
CROSS_SUBSIDY_POINTS = 10

# Features: widely used and well paid, invest; losing money and hardly used, sunset; losing
# money and used, optimize; anything else, maintain.
# AI calls are a small part of what a feature costs, so a good return on them is a high one.
FEATURE_INVEST_ROI_PCT = 1000
FEATURE_INVEST_ADOPTION_PCT = 50
FEATURE_LOSS_ROI_PCT = 0
FEATURE_SUNSET_ADOPTION_PCT = 20

# Below this share of successful calls the data overview warns.
MIN_SUCCESS_RATE_PCT = 90
# ... unless so many failures come by chance more often than this: of eight calls, one may fail.
FEW_FAILURES_CHANCE = 0.05

# Latency grows with tokens, so providers are compared within bands of this many tokens.
TOKEN_BAND_WIDTH = 250

# Routing: providers are compared in a region from so many calls each, within token bands; the
# advice needs this gap, and a difference that chance does not make (in standard errors).
ROUTING_MIN_CALLS = 100
ROUTING_MIN_GAP_PCT = 20
ROUTING_MIN_STANDARD_ERRORS = 3

# Churn: silent for so many days is gone.  Risk and expansion compare two windows of days.
CHURN_INACTIVE_DAYS = 30
CHURN_RATE_CRITICAL_PCT = 10
# Of fewer covered days no churn rate is given.
CHURN_MIN_DAYS = 60
TREND_WINDOW_DAYS = 14
AT_RISK_DROP_PCT = 50
AT_RISK_HIGH_DROP_PCT = 75
AT_RISK_CRITICAL_DROP_PCT = 90
EXPANSION_GROWTH_PCT = 50
TREND_MIN_PREVIOUS_CALLS = 10
# A tier is suggested after so many weeks of it, measured by up to so many weeks before them.
OUTGROWN_WEEKS = 3
OUTGROWN_BASE_WEEKS = 4

# Forecast of the daily cost: how many days it looks back, how far ahead it is tried, how sure
# its interval is, how few days say nothing, and when its error is too large to plan with.
FORECAST_WINDOW_DAYS = 56
# Its interval is what forecasts from so many of the last days missed.  A slope must be so far
# beyond noise (in squared t-ratios) as one in a hundred is by chance.
FORECAST_ORIGINS = 21
FORECAST_SLOPE_EVIDENCE = 6.63
# Weight of the trend, drawn through weeks, against the last week where both erred as much; and
# the share of the mean that a day counts as at the least, since nothing is a factor of 0.
FORECAST_TREND_FAVOUR = 1.5
FORECAST_LEAST_SHARE = 0.05
FORECAST_BACKTEST_DAYS = 14
# Its error is that of forecasts from every day that had three weeks before it and the days to
# try it on after it, at most from the last so many: a quarter of a year, so that the cost of
# trying does not grow with the data.
FORECAST_TRIED_DAYS = 91
FORECAST_INTERVAL = 0.80
FORECAST_SUM_TRIES = 7  # the range of a sum needs so many sums that were tried
FORECAST_MIN_DAYS = 3
FORECAST_USABLE_MAPE_PCT = 25
# Trend: the last whole days against as many before, and the change worth a word.
TREND_RECENT_DAYS = 7
TREND_NOTABLE_PCT = 20
# Why the cost changed: the last so many whole days against as many before, the longest that the
# data holds; and how many of each kind are named, above this amount, which is rounding.
CHANGE_WINDOWS_DAYS: Tuple[int, ...] = (30, 14, 7)
# The days by account that this takes: two of the longest, and the last date, which may be cut off.
KEPT_ACCOUNT_DAYS = 2 * max(CHANGE_WINDOWS_DAYS) + 1
CHANGE_SUBJECTS = 3
CHANGE_CUSTOMERS = 10
CHANGE_LEAST_USD = 0.005
# What a call of a feature costs now against the beginning: whole days at each end of the data, the
# calls that a feature needs in each, and the change worth a finding.
UNIT_COST_DAYS = 14
UNIT_COST_MIN_CALLS = 1000
UNIT_COST_NOTABLE_PCT = 15
# A model that gave way to another took this share of its feature's cost, in so many calls.
MOVED_COST_SHARE_PCT = 5
MOVED_MIN_CALLS = 30
# A weekday is quiet that costs so much less than a usual day.
QUIET_WEEKDAY_PCT = 30
# A region has busy hours where so many in a row take this share of its calls.
BUSY_HOURS = 8
BUSY_HOURS_SHARE_PCT = 45
# A feature is new that was not called in the first weeks of the data.
NEW_FEATURE_WEEKS = 2
# A model is a lever where it takes this share of the cost, and so many times that of the calls.
COST_LEVER_SHARE_PCT = 10
COST_LEVER_FACTOR = 2
NON_PRODUCTION_NOTABLE_PCT = 10
# Sums by key and day are kept for choosing dates, up to so many of one measure.
DAILY_SUMS_MAX_CELLS = 100_000
# Percentiles for chosen dates: days that may share an entry, and how many counts may be kept:
# so many less for each day, since the lines of a page over many days take their room.
PERCENTILE_WINDOW_STEPS: Tuple[int, ...] = (1, 7, 28)
PERCENTILE_WINDOWS_MAX_COUNTS = 15_000
PERCENTILE_WINDOWS_LESS_PER_DAY = 21
# The customers at the top of the bill: which part of them is considered.
TOP_CUSTOMERS_PCT = 10
# From this share of the cost on, aggregates of more than a day say that no day's cost is known.
LONG_AGGREGATES_SHARE_PCT = 1
TOP_CUSTOMERS_FACTOR = 1.5  # what they cost is worth a finding above their part of all, times

# Latency is shown in bins of this width; everything slower than the last one is one bin.
LATENCY_BIN_MS = 100
LATENCY_BINS_END_MS = 5000
SLA_TARGET_PCT = 99
# A client limit that cuts off more of the calls would rather be an outage.
CLIENT_LIMIT_MAX_CUT_PCT = 25
# Fewer calls say nothing about a model's speed or reliability.
MODEL_MIN_CALLS = 100

# An anomalous hour is also so far above what like hours (of the hour of the week, the hour of the
# day, the day of the month) cost when there is a call: as many spreads as above, of at least this
# share of it, and this amount.  With three spreads of this share, that is nearly twice what like
# hours cost, as a burst costs twice the hours around it: a smaller share reports ordinary hours.
ANOMALY_SPREAD_FLOOR_PCT = 30
ANOMALY_MIN_USD = 0.25
# Of fewer hours with a call nothing is said.
ANOMALY_MIN_HOURS = 48
# An anomalous hour is a burst if it costs so many times what this percentile (0 to 1) of so many
# hours before and after it cost; else the hours around it are as busy.
BURST_AROUND_HOURS = 6
BURST_AROUND_PERCENTILE = 0.75
BURST_FACTOR = 2.0

# A day of a high error rate has so many failed calls: one failure of seven may be chance.
HIGH_ERROR_RATE_PCT = 10
HIGH_ERROR_RATE_MIN_ERRORS = 3
# Kinds of errors that clients cause, with any provider.
CLIENT_ERRORS: FrozenSet[str] = frozenset({"rate_limit", "auth_error"})
# A provider is degraded in an hour of so many times its usual p95 latency or error rate, ...
DEGRADED_LATENCY_FACTOR = 3
DEGRADED_ERROR_FACTOR = 5
# ... if the hour has this many calls, and the provider's usual share of slow or failed calls
# would produce as many only with this chance: in a small hour, p95 is the luck of two calls.
DEGRADED_MIN_CALLS = 10
DEGRADED_CHANCE = 1e-6
# Shares of cost, 0 to 1, on one provider.
MEDIUM_CONCENTRATION = 0.40
HIGH_CONCENTRATION = 0.60
# Monthly cost in percent of monthly revenue.
BURN_MEDIUM_PCT = 80
BURN_HIGH_PCT = 100
BURN_CRITICAL_PCT = 150
# A customer who costs more than it pays is asked to use less, up to so much less; beyond that,
# for another price.
LIMIT_MAX_CUT_PCT = 25

# Reserved capacity: the quiet day that is committed to, and what the commitment takes off.
COMMITMENT_PERCENTILE = 0.25
COMMITMENT_DISCOUNT_PCT = 40
# Tasks whose answers may wait for a day, what a batch price takes off, and who has one.
BATCH_TASKS: FrozenSet[str] = frozenset({"classification", "extraction"})
BATCH_DISCOUNT_PCT = 50
BATCH_PROVIDERS: FrozenSet[str] = frozenset(
    {"openai", "anthropic", "google", "aws-bedrock", "azure", "mistral"}
)
# A model is legacy where its provider retires it within so many days after the data.
LEGACY_DAYS = 365

# Organizations listed as most and least efficient; shares worth a word.
EFFICIENCY_LISTED = 5
TOP_ORGANIZATION_NOTABLE_PCT = 25
UNALLOCATED_NOTABLE_PCT = 1
# Budgets are agreed with the organizations that cause half of the cost, if these are at most
# this part of all.
BUDGET_ORGANIZATIONS_PCT = 30


class Budget(NamedTuple):
    """What one subject may cost in a calendar month, in USD.

    `scope` is one of `BUDGET_SCOPES`; `subject` the value of that column, "" of the total.
    """

    scope: str
    subject: str
    monthly_usd: float


BUDGET_SCOPES: Tuple[str, ...] = (
    "total",
    "provider",
    "organization",
    "product",
    "feature",
    "customer",
)
# None are built in: they are what an organization decides about itself.
BUDGETS: Tuple[Budget, ...] = ()
# A sentence may rest on a column that at least this percentage of calls have.
CLAIM_COVERAGE_PERCENT = 95.0
# An organization is expensive where a token costs it so many times the average.
EXPENSIVE_ORGANIZATION_FACTOR = 1.25

# Abuse: a day is judged from so many calls and so many other active days of the customer.
ABUSE_MIN_DAILY_CALLS = 20
ABUSE_MIN_BASELINE_DAYS = 7
ABUSE_WINDOW_DAYS = 14
ABUSE_WEEKDAY_WEEKS = 4  # each way, of the same weekday
# One standard deviation of ordinary days is at least this share, however regular the past was.
ABUSE_SPREAD_FLOOR_PCT = 50
# What all customers did on a day is the middle of so many customers with so many calls a day.
ABUSE_LEVEL_MIN_CUSTOMERS = 5
ABUSE_LEVEL_MIN_DAILY_CALLS = 5
UNUSUAL_Z = 3
UNUSUAL_HIGH_Z = 5
COST_SPIKE_MULTIPLIER = 3
COST_SPIKE_SEVERE_MULTIPLIER = 10
COST_SPIKE_MIN_USD = 1.0
RATE_LIMIT_ERRORS_PER_HOUR = 10
RATE_LIMIT_CRITICAL_ERRORS_PER_HOUR = 50
SUSPICIOUS_SWITCHES_PER_DAY = 5
SUSPICIOUS_SEVERE_SWITCHES_PER_DAY = 20
# Up to so many standard deviations from the customer's own other days it is a habit: people in
# two offices.  More calls make more changes, up to so many times as many.
SUSPICIOUS_Z_SCORE = 3.5
SUSPICIOUS_MOST_TIMES_USUAL = 4.0
# Points of the risk score by signal, and more for each signal that is severe; at most 100.
ABUSE_POINTS: Mapping[str, int] = {
    "suspicious_access": 45,
    "rate_limit_abuse": 40,
    "unusual_usage": 25,
    "cost_spikes": 25,
}
ABUSE_SEVERE_POINTS = 20
ABUSE_CRITICAL_SCORE = 60

# Detectors against planted truth: false alarms closer than this are one.
EVALUATION_EPISODE_HOURS = 24

# --- the business that is simulated ----------------------------------------------------------


class Archetype(NamedTuple):
    """How a kind of customer behaves: share of customers, activity, token scale."""

    share: float
    activity: float
    token_scale: float


SUBSCRIPTION_TIERS: Mapping[str, float] = {"starter": 49.0, "pro": 199.0, "enterprise": 999.0}
TIER_SHARES: Mapping[str, float] = {"starter": 0.40, "pro": 0.45, "enterprise": 0.15}
CUSTOMER_ARCHETYPES: Mapping[str, Archetype] = {
    "light": Archetype(0.70, 0.3, 0.7),
    "power": Archetype(0.20, 1.0, 1.0),
    "heavy": Archetype(0.10, 3.0, 2.2),
}
PROVIDER_WEIGHTS: Mapping[str, int] = {
    "openai": 40,
    "anthropic": 25,
    "google": 15,
    "aws-bedrock": 10,
    "azure": 7,
    "mistral": 2,
    "cohere": 1,
}
PROVIDER_NAMES: Mapping[str, str] = {
    "openai": "OpenAI",
    "anthropic": "Anthropic",
    "google": "Google",
    "aws-bedrock": "AWS Bedrock",
    "azure": "Azure",
    "mistral": "Mistral",
    "cohere": "Cohere",
}
PROVIDER_ALIASES: Mapping[str, str] = {"bedrock": "aws-bedrock"}
ENVIRONMENT_ALIASES: Mapping[str, str] = {
    "prod": "production",
    "stage": "staging",
    "stg": "staging",
    "dev": "development",
}
# Latency multiplier of each region.
REGIONS: Mapping[str, float] = {
    "us-east": 1.0,
    "us-west": 1.1,
    "eu-west": 1.3,
    "ap-southeast": 1.5,
}
PRODUCTS: Mapping[str, str] = {
    "product_a": "Product A",
    "product_b": "Product B",
    "product_c": "Product C",
}
FEATURES: Mapping[str, str] = {
    "chat": "Chat",
    "summarization": "Summarization",
    "translation": "Translation",
    "code-generation": "Code Generation",
    "analysis": "Analysis",
}
TASK_TYPES: Tuple[str, ...] = (
    "chat",
    "summarization",
    "translation",
    "code_generation",
    "classification",
    "extraction",
    "reasoning",
)
ENVIRONMENTS: Tuple[str, ...] = ("production", "staging", "development")
ERROR_TYPES: Tuple[str, ...] = ("timeout", "rate_limit", "auth_error", "server_error")


# --- the simulation --------------------------------------------------------------------------

DEFAULT_SEED = 42
SIMULATION_START = "2026-06-01T00:00:00"
# Days that a simulation may start on.
FIRST_START = "2015-01-01"
LAST_START = "2099-12-31"
# At the start; others join.
CUSTOMER_COUNT = 57
ORGANIZATION_COUNT = 13
# The least and the most active customer of an archetype, as multiples of its activity.
ACTIVITY_SPREAD: Tuple[float, float] = (0.6, 1.5)
# How far a customer's calls drift by themselves within 90 days, up or down, as a share.
OWN_TREND_90_DAYS = 0.25
# Customers who join in a week, as a share of those there: enough to replace who leaves, and in
# a business that grows.  A new customer joins an organization that is there with this chance.
JOINING_PER_WEEK = 0.003
JOINING_PER_WEEK_GROWING = 0.0125
JOINS_KNOWN_ORGANIZATION = 0.6
# Nobody joins who changes the whole business at once: activity × size of its organization is at
# most this on the first days, before the business is so large that it makes no difference.
JOINS_MOST_WEIGHT = 2.5
JOINS_LIMITED_DAYS = 98
# A business that grows doubles in so many days, together with the customers who join.
GROWTH_DOUBLING_DAYS = 180
# A customer's calls grow or shrink for so many days, then at a rate that fades to zero over so many
# more: no customer grows forever.  After the first of these periods more customers join each week,
# by this share of those there, so that the business keeps growing.
GROWTH_DAYS = 98
GROWTH_FADE_DAYS = 365
JOINING_PER_WEEK_LATER = 0.0125
# A customer moves up a tier when its calls are so many times those with which it came to the one
# it has: more than drift and growth make of them in the first 98 days.  It does so on a day of
# renewal, which comes back after so many days.
TIER_UP_GROWTH: Tuple[float, float] = (1.8, 2.2)
RENEWAL_DAYS = 30
# Customers who insist on the most expensive models: of those below the highest tier, this share
# of all, who call most for what they pay.  They choose these models so many times as often as
# the market does; the others make up for it.
DEAR_TASTE_SHARE = 0.11
DEAR_TASTE_FACTOR = 4.3
DEAREST_MODELS: FrozenSet[str] = frozenset({"gpt-4", "claude-opus-4-1"})
REGION_SHARES: Mapping[str, float] = {
    "us-east": 0.40,
    "us-west": 0.25,
    "eu-west": 0.20,
    "ap-southeast": 0.15,
}
# Hours that a region's clock is ahead of UTC.
REGION_UTC_OFFSET_HOURS: Mapping[str, int] = {
    "us-east": -5,
    "us-west": -8,
    "eu-west": 1,
    "ap-southeast": 8,
}
# What a customer has built: features and how much each is used.  Every customer has one.
FEATURE_PROFILES: Tuple[Mapping[str, int], ...] = (
    {"chat": 25, "summarization": 14, "translation": 7, "code-generation": 52, "analysis": 2},
    {"chat": 47, "summarization": 19, "translation": 10, "code-generation": 24},
    {"summarization": 28, "translation": 14, "chat": 19, "code-generation": 36, "analysis": 3},
    {"code-generation": 78, "chat": 19, "analysis": 3},
    {"summarization": 23, "chat": 23, "code-generation": 50, "analysis": 4},
    {"chat": 56, "code-generation": 44},
)
# What a feature asks of a model.
FEATURE_TASKS: Mapping[str, Mapping[str, int]] = {
    "chat": {"chat": 80, "classification": 10, "reasoning": 10},
    "summarization": {"summarization": 80, "extraction": 20},
    "translation": {"translation": 90, "classification": 10},
    "code-generation": {"code_generation": 85, "reasoning": 15},
    "analysis": {"reasoning": 40, "extraction": 35, "classification": 25},
}
ENVIRONMENT_SHARES: Mapping[str, int] = {"production": 85, "staging": 10, "development": 5}
USER_AGENTS: Tuple[str, ...] = (
    "web_app_v1.2",
    "web_app_v1.3",
    "mobile_v2.0",
    "python_v3.1",
    "node_v2.4",
    "batch_v1.0",
)
# A session lasts while a customer calls within an hour; a trace within a part of it.
TRACES_PER_HOUR = 4
# A failed call is tried again with this chance, unless its customer is abusing the provider.
RETRY_CHANCE = 0.6

# Volume of a customer in an hour = activity x own trend x growth x the curves of its place x
# what scenarios say x noise.  The base is what all customers of the start do in an hour.
BASE_CALLS_PER_HOUR = 84
# From midnight where the customer is.
BUSINESS_HOURS_CURVE: Tuple[float, ...] = (
    *(0.80, 0.80, 0.80, 0.80, 0.80, 0.84, 0.90, 0.96),
    *(1.04, 1.12, 1.18, 1.20, 1.20, 1.20, 1.20, 1.18),
    *(1.16, 1.12, 1.08, 1.02, 0.98, 0.92, 0.86, 0.84),
)
WEEKDAY_CURVE: Tuple[float, ...] = (1.01, 1.03, 1.04, 1.03, 1.00, 0.95, 0.94)  # from Monday
HOUR_NOISE = 0.05  # up or down at most so much, as a share
DAY_NOISE = 0.02  # of all customers on one day
CUSTOMER_DAY_NOISE = 0.06  # of one customer on one day


class Tokens(NamedTuple):
    """A clamped normal distribution of tokens: mean, standard deviation, least, most."""

    mean: float
    sd: float
    least: int
    most: int


class Skewed(NamedTuple):
    """A clamped log-normal distribution of tokens: median, sigma of the logarithm, bounds."""

    median: float
    sigma: float
    least: int
    most: int


INPUT_TOKENS = Tokens(500, 400, 50, 2000)
OUTPUT_TOKENS = Tokens(300, 200, 50, 1000)
# Features with long contexts, as agents and retrieval have: input and output tokens.
LONG_CONTEXTS: Mapping[str, Tuple[Skewed, Skewed]] = {
    "code-generation": (Skewed(15_000, 0.33, 2_000, 32_000), Skewed(3_150, 0.24, 200, 9_000)),
    "analysis": (Skewed(15_000, 0.30, 3_000, 32_000), Skewed(2_200, 0.24, 150, 7_000)),
}
# Input and output of ordinary calls by task and by feature, as multiples.
TASK_TOKENS: Mapping[str, Tuple[float, float]] = {
    "chat": (0.8, 1.0),
    "summarization": (1.5, 0.8),
    "translation": (1.0, 1.25),
    "code_generation": (1.0, 1.1),
    "classification": (0.75, 0.45),
    "extraction": (1.2, 0.7),
    "reasoning": (1.0, 1.3),
}
FEATURE_TOKENS: Mapping[str, Tuple[float, float]] = {
    "chat": (1.0, 1.0),
    "summarization": (1.05, 0.9),
    "translation": (0.9, 1.15),
    "code-generation": (1.0, 1.0),
    "analysis": (1.0, 1.0),
}
# Long contexts differ less between customers than ordinary prompts do: this power of the scale.
LONG_SCALE_POWER = 0.25
# How often a feature's prompt is found in the provider's cache, and the part of it that is.
CACHE_HITS: Mapping[str, Tuple[float, float]] = {
    "chat": (0.35, 0.40),
    "code-generation": (0.988, 0.91),
    "analysis": (0.97, 0.84),
}
CACHE_BLOCK_TOKENS = 128  # a power of 2
# On the days after a prompt was changed only this much of that part is there.
CACHE_COLD_SHARE = 0.8
CACHE_COLD_DAYS = 2
# Models that features with long contexts ask for, by class, as multiples of the usual share; a
# model without a cache, or with a short context, is not asked.
LONG_CONTEXT_CLASSES: Mapping[str, float] = {"frontier": 1.0, "standard": 0.28, "economy": 0.04}
SHORT_CONTEXT_MODELS: FrozenSet[str] = frozenset({"claude-instant", "ministral-8b"})
UNCACHED_MODELS_SHARE = 0.05

LATENCY_TOKENS_PER_MS = 10
LATENCY_BASE_MS: Tuple[int, int] = (50, 200)
LATENCY_JITTER: Tuple[float, float] = (0.8, 1.2)
CLIENT_TIMEOUT_MS = 5000
REFUSAL_LATENCY_MS: Tuple[int, int] = (20, 80)
ERROR_SHARE = 0.05
ERROR_TYPE_SHARES: Mapping[str, float] = {
    "timeout": 0.40,
    "rate_limit": 0.30,
    "auth_error": 0.15,
    "server_error": 0.15,
}
# Errors by which a provider refuses at once: no output, no cost.
REFUSALS: FrozenSet[str] = frozenset({"rate_limit", "auth_error"})


class ScenarioShape(NamedTuple):
    """A scenario's title and, where it is an episode, when it happens: all in hours.

    `hours`: how long an episode lasts, 0 for what is always on.  `first`: its start in the
    default dataset, `again`: how much later it comes back with other subjects; `alone_first` and
    `alone_again` are those of a dataset with this scenario only.
    """

    title: str
    hours: int = 0
    first: int = 0
    again: int = 0
    alone_first: int = 0
    alone_again: int = 0


_DAY = 24
_CYCLE = 98 * _DAY
SCENARIO_SHAPES: Mapping[str, ScenarioShape] = {
    "base_traffic": ScenarioShape("Base Traffic"),
    "weekend_effect": ScenarioShape("Weekend Effect"),
    "timezone_pattern": ScenarioShape("Timezone Pattern"),
    "multi_tenant": ScenarioShape("Multi-Tenant"),
    "seasonal_pattern": ScenarioShape("Seasonal Pattern"),
    "steady_growth": ScenarioShape("Steady Growth"),
    "model_migration": ScenarioShape(
        "Model Migration", 504, 22 * _DAY, _CYCLE, 16 * _DAY, 56 * _DAY
    ),
    "feature_launch": ScenarioShape("Feature Launch", 336, 29 * _DAY, _CYCLE, 14 * _DAY, _CYCLE),
    "gradual_decline": ScenarioShape("Gradual Decline", 1008, 35 * _DAY, _CYCLE, 7 * _DAY, _CYCLE),
    "viral_spike": ScenarioShape("Viral Spike", 120, 49 * _DAY, _CYCLE, 21 * _DAY, 35 * _DAY),
    "cost_optimization": ScenarioShape(
        "Cost Optimization", 504, 56 * _DAY, _CYCLE, 16 * _DAY, _CYCLE
    ),
    "burst_traffic": ScenarioShape(
        "Burst Traffic", 62 * _DAY, 14 * _DAY, _CYCLE, 10 * _DAY, 66 * _DAY
    ),
}
WEEKEND_FACTOR = 0.3
# (first hour, hour after the last, activity); other hours have 1.
TIMEZONE_FACTORS: Tuple[Tuple[int, int, float], ...] = ((9, 17, 1.5), (23, 24, 0.3), (0, 6, 0.3))
# (share of organizations, activity): small, medium, large.
TENANT_SIZES: Tuple[Tuple[float, float], ...] = ((0.50, 0.3), (0.35, 1.0), (0.15, 3.0))
# How far plans and sizes go together: by less than 1, no starter is in a large organization.
TENANT_BLUR = 1.9
SEASON_DAYS = 28
SEASON_FIRST_DAY = 7  # on which it begins to rise
SEASON_LEVELS: Tuple[float, float] = (0.85, 1.15)
# Bursts in one episode, hours of each, and how many times its usual calls the customer makes; if
# that is within bounds, its calls with long contexts are so many times all calls of that hour.
BURSTS_PER_EPISODE = 6
BURST_HOURS: Tuple[int, int] = (1, 2)
BURST_SIZE: Tuple[float, float] = (5.0, 20.0)
BURST_LONG_CALLS = 1.35
# Whose bursts can be seen: a customer without or with a taste for expensive models (which are
# slow, so that its bursts can look like a slow provider) whose calls with long contexts are this
# share of all calls; the first of these that there is.
BURST_CAST: Tuple[Tuple[bool, float], ...] = ((False, 0.07), (True, 0.028), (False, 0.03))
BURST_MOST_OVER_LEAST = 1.2
# Feature, provider, old and new model of one migration after the other.
MIGRATIONS: Tuple[Tuple[str, str, str, str], ...] = (
    ("code-generation", "openai", "gpt-4", "gpt-5"),
    ("code-generation", "anthropic", "claude-opus-4-1", "claude-opus-4-8"),
    ("chat", "openai", "gpt-4", "gpt-5"),
    ("summarization", "anthropic", "claude-opus-4-1", "claude-opus-4-8"),
    ("analysis", "openai", "gpt-4", "gpt-5"),
    ("translation", "openai", "gpt-4", "gpt-5"),
    ("chat", "anthropic", "claude-opus-4-1", "claude-opus-4-8"),
    ("summarization", "openai", "gpt-4", "gpt-5"),
    ("analysis", "anthropic", "claude-opus-4-1", "claude-opus-4-8"),
    ("translation", "anthropic", "claude-opus-4-1", "claude-opus-4-8"),
)
LAUNCHED_FEATURES: Tuple[str, ...] = ("analysis",)
LAUNCH_PEAK_SHARE = 0.2
LAUNCH_PEAK = 3.0
LAUNCH_DECAY_PER_HOUR = 0.01
# Features of one cost programme after the other; in each of three steps of it: share of calls
# to frontier models that moves to standard ones, length of prompts and answers, and what is left of
# the calls, and of the part of a prompt, that the cache does not have.
COST_PROGRAMMES: Tuple[Tuple[str, ...], ...] = (
    ("code-generation",),
    ("chat", "summarization", "translation"),
    ("analysis",),
)
PROGRAMME_MODEL_SHARE = 0.32
PROGRAMME_PROMPT_FACTOR = 0.88
PROGRAMME_OUTPUT_FACTOR = 0.87
PROGRAMME_CACHE_MISSES = 0.5
# A declining segment: customers of one tier and product, at most so many, each of which shrinks
# to a part of its calls in so many days before it leaves.
DECLINE_TIER = "pro"
DECLINE_MOST_CUSTOMERS = 7
DECLINE_SHRINK_DAYS = 16
DECLINE_SHRINK_TO = 0.3
# How long the rise of a viral customer is, as a share; how far it goes; what of it stays.
VIRAL_PEAK_SHARE = 0.25
VIRAL_SHARE: Tuple[float, float] = (0.008, 0.014)  # of all calls, before it takes off
VIRAL_FALL_SHARE = 0.25
VIRAL_PEAK = 10.0
VIRAL_ENDS = 2.0
# After the episode this much stays, when so many days have gone by.
VIRAL_STAYS = 1.25
VIRAL_SETTLES_DAYS = 14
VIRAL_CUSTOMERS_EACH = 120  # one more for so many customers
VIRAL_MOST_CUSTOMERS = 3

# Incidents: how many in the first 30 days.  The rate grows with simulated time by this share
# of itself every 30 days, up to a ceiling, so that long files are not all incident.
INCIDENTS_PER_30_DAYS: Mapping[str, float] = {
    "departed_customer": 0.6,
    "rate_limit_abuser": 1.6,
    "region_hopper": 1.6,
    "prompt_waster": 1.2,
    "slow_provider": 0.8,
}
INCIDENT_RATE_GROWTH = 0.2
INCIDENT_RATE_CEILING = 2.0
# The first incidents happen after so many days, when there is something to compare them with.
INCIDENT_FREE_DAYS = 4
# Abusers and wasters are the same few customers again and again: one for so many customers.
CUSTOMERS_PER_ABUSER = 70
CUSTOMERS_PER_WASTER = 40
# A customer is there for so long before something befalls it.
SETTLED_DAYS = 14
# Nobody leaves any more when so many are gone.
MOST_DEPARTED_SHARE = 0.35
DEPARTURE_DAYS = 30  # a departure is known after so many silent days
RATE_LIMIT_CALLS: Tuple[int, int] = (30, 120)
RATE_LIMIT_ERROR_SHARE = 0.9
HOPPER_CALLS_PER_HOUR: Tuple[int, int] = (6, 9)
HOPPER_HOURS = 9
WASTER_HOURS: Tuple[int, int] = (96, 192)
WASTER_SHARE_OF_CALLS = 0.7
WASTER_LEAST_WEIGHT = 0.8  # activity × size of its organization
WASTER_INPUT_TOKENS: Tuple[int, int] = (1500, 3200)
WASTER_OUTPUT_TOKENS: Tuple[int, int] = (50, 100)
SLOW_PROVIDER_FACTOR = 6.0
SLOW_PROVIDER_HOURS: Tuple[int, int] = (2, 5)
SLOW_PROVIDER_MIN_WEIGHT = 25
# One that is slow anyway reaches the client's limit before anybody could call it degraded.
SLOW_PROVIDER_MOST_SPEED = 1.0  # multiplier of its latency
SLOW_PROVIDER_FIRST_HOURS: Tuple[int, int] = (13, 17)  # UTC, when Europe and America are at work


# --- settings of one run ---------------------------------------------------------------------


class Settings(NamedTuple):
    """Where one run reads and writes: flags override the environment, it overrides defaults.

    `data` is the location of the dataset as it was given: a path, or an address elsewhere.
    """

    data: str
    reports: Path
    port: int

    @classmethod
    def resolve(
        cls,
        data: Optional[str] = None,
        reports: Optional[str] = None,
        port: Optional[int] = None,
        environ: Optional[Mapping[str, str]] = None,
    ) -> Settings:
        """Return the settings for these flags (`None` where a flag was not given).

        Raises ValueError if FINOPS_PORT is not a number.
        """
        env: Mapping[str, str] = os.environ if environ is None else environ
        chosen_port = port if port is not None else int(env.get("FINOPS_PORT") or VIEWER_PORT)
        return cls(
            data=data or env.get("FINOPS_DATA") or str(DATA_CSV_PATH),
            reports=Path(reports or env.get("FINOPS_REPORTS") or REPORT_DIR),
            port=chosen_port,
        )


def tier_price(tier: str) -> Optional[float]:
    """Return the monthly price in USD of a subscription tier, or None where it is unknown."""
    prices: Dict[str, float] = dict(SUBSCRIPTION_TIERS)
    return prices.get(tier)


# --- what a user can set ---------------------------------------------------------------------


class Limit(NamedTuple):
    """A constant that a configuration file may set: what it is, its unit, its default, and
    which values it may have.
    """

    label: str
    unit: str
    default: float
    least: float
    most: float

    @property
    def is_whole(self) -> bool:
        """Whether it is a number of things, so that fractions make no sense."""
        return self.unit in _COUNTED_UNITS


_COUNTED_UNITS = (
    *("calls", "customers", "days", "errors", "hours", "organizations", "points", "tokens"),
    *("weeks", "changes of region"),
)
_MANY = 10**9


def _limits(unit: str, *rows: Tuple[str, str, float, float]) -> Dict[str, Limit]:
    """Return limits of one unit from name, label, least and most."""
    return {name: Limit(label, unit, globals()[name], *ends) for name, label, *ends in rows}


# By the name of the constant.
LIMITS: Mapping[str, Limit] = {
    **_limits(
        "ms",
        ("SLA_THRESHOLD_MS", "latency within the SLA", 1, _MANY),
        ("P95_THRESHOLD_MS", "target of the p95 latency", 1, _MANY),
        ("P99_THRESHOLD_MS", "target of the p99 latency", 1, _MANY),
    ),
    **_limits(
        "%",
        ("HIGH_MARGIN_THRESHOLD_PCT", "lowest high margin", -1000, 100),
        ("MEDIUM_MARGIN_THRESHOLD_PCT", "lowest medium margin", -1000, 100),
        ("LOW_MARGIN_THRESHOLD_PCT", "lowest low margin", -1000, 100),
        ("COMMITMENT_DISCOUNT_PCT", "discount of committed capacity", 0, 100),
        ("BATCH_DISCOUNT_PCT", "discount of batch prices", 0, 100),
        ("LIST_PRICE_TOLERANCE_PCT", "cost above list that is carried over", 0, 1000),
        ("NOTABLE_SHARE_PCT", "share of the monthly cost worth a warning", 0, 100),
        ("SLA_TARGET_PCT", "calls that should keep the service level", 0, 100),
        ("CLIENT_LIMIT_MAX_CUT_PCT", "calls that an advised client limit cuts off", 0, 100),
        ("HIGH_ERROR_RATE_PCT", "error rate that is called high", 0, 100),
        ("MIN_SUCCESS_RATE_PCT", "success rate that is warned of below", 0, 100),
        ("BURN_MEDIUM_PCT", "cost of the subscription at medium risk", 1, 10_000),
        ("BURN_HIGH_PCT", "cost of the subscription at high risk", 1, 10_000),
        ("BURN_CRITICAL_PCT", "cost of the subscription at critical risk", 1, 10_000),
        ("LIMIT_MAX_CUT_PCT", "largest cut of usage that is asked for", 0, 100),
        ("INEFFICIENT_PROMPT_WASTED_PERCENT", "waste in a long prompt's input", 0, 100),
        ("PROMPT_WASTER_MIN_SHARE_PCT", "wasteful prompts that are a habit", 0, 100),
        ("CHURN_RATE_CRITICAL_PCT", "churn rate that is critical", 0, 100),
        ("AT_RISK_DROP_PCT", "fall in calls at risk", 1, 100),
        ("AT_RISK_HIGH_DROP_PCT", "fall in calls at high risk", 1, 100),
        ("AT_RISK_CRITICAL_DROP_PCT", "fall in calls at critical risk", 1, 100),
        ("EXPANSION_GROWTH_PCT", "rise in calls of an expanding customer", 1, 100_000),
        ("FORECAST_USABLE_MAPE_PCT", "forecast error acceptable for planning", 0, 1000),
        ("TREND_NOTABLE_PCT", "trend worth a finding", 0, 1000),
        ("UNIT_COST_NOTABLE_PCT", "change of a feature's cost per call worth a finding", 0, 1000),
        ("MOVED_COST_SHARE_PCT", "cost of a feature's model that gave way to another", 0, 100),
        ("QUIET_WEEKDAY_PCT", "below a usual day that a quiet weekday costs", 1, 100),
        ("BUSY_HOURS_SHARE_PCT", "calls of a region in its busy hours", 1, 100),
        ("COST_LEVER_SHARE_PCT", "share of cost of a cost driver", 0, 100),
        ("NON_PRODUCTION_NOTABLE_PCT", "cost outside production worth a finding", 0, 100),
        ("TOP_CUSTOMERS_PCT", "customers counted as the top", 0, 100),
        ("LONG_AGGREGATES_SHARE_PCT", "cost by more than a day that hides days", 0, 100),
        ("TOP_ORGANIZATION_NOTABLE_PCT", "share of one organization worth a finding", 0, 100),
        ("UNALLOCATED_NOTABLE_PCT", "unallocated cost worth a finding", 0, 100),
        ("BUDGET_ORGANIZATIONS_PCT", "organizations that budgets are agreed with", 0, 100),
        ("FEATURE_INVEST_ROI_PCT", "return of a feature to invest in", -100, 1e9),
        ("FEATURE_INVEST_ADOPTION_PCT", "adoption of a feature to invest in", 0, 100),
        ("FEATURE_LOSS_ROI_PCT", "return below which a feature loses money", -100, 1e9),
        ("FEATURE_SUNSET_ADOPTION_PCT", "adoption below which a losing feature goes", 0, 100),
        ("ROUTING_MIN_GAP_PCT", "gap of latency that advice needs", 0, 1000),
        ("ANOMALY_SPREAD_FLOOR_PCT", "least variability of like hours", 0, 1000),
        ("ABUSE_SPREAD_FLOOR_PCT", "least variability of a customer's days", 0, 1000),
    ),
    **_limits(
        "USD",
        ("HIGH_COST_THRESHOLD_USD", "daily cost that is alerted", 0, 1e12),
        ("NOTABLE_USD_PER_MONTH", "amount per month worth a warning", 0, 1e12),
        ("ANOMALY_MIN_USD", "excess cost of an anomalous hour", 0, 1e12),
        ("COST_SPIKE_MIN_USD", "cost of a day that can be a spike", 0, 1e12),
        ("OPPORTUNITY_MIN_SAVINGS_USD", "savings from which a switch is listed", 0, 1e12),
        ("OVERPRICED_BLENDED_PRICE_PER_1M_USD", "price of 1M tokens that is high", 0, 1e6),
        ("USAGE_PRICE_PER_1K_CALLS_USD", "usage-based price of 1,000 calls", 0.01, 1e6),
        ("TIERED_TOP_PRICE_USD", "highest tiered price per month", 0, 1e9),
        ("HYBRID_BASE_PRICE_USD", "hybrid base price per month", 0, 1e9),
        ("HYBRID_PRICE_PER_1K_CALLS_USD", "hybrid price of 1,000 further calls", 0, 1e6),
    ),
    **_limits(
        "standard deviations",
        ("ANOMALY_MULTIPLIER", "distance of an anomalous hour above the mean", 0.1, 1000),
        ("UNUSUAL_Z", "distance of an unusual day", 0.1, 1000),
        ("UNUSUAL_HIGH_Z", "distance of a highly unusual day", 0.1, 1000),
        ("SUSPICIOUS_Z_SCORE", "distance up to which region changes are a habit", 0.1, 1000),
    ),
    **_limits(
        "standard errors",
        ("ROUTING_MIN_STANDARD_ERRORS", "difference of latency that is no chance", 0, 1000),
    ),
    **_limits(
        "times",
        ("BURST_FACTOR", "cost of a burst, of the hours around it", 1, 1000),
        ("DEGRADED_LATENCY_FACTOR", "p95 latency of a degraded provider", 1, 1000),
        ("DEGRADED_ERROR_FACTOR", "error rate of a degraded provider", 1, 1000),
        ("COST_SPIKE_MULTIPLIER", "cost of a spike, of a usual day", 1, 1000),
        ("COST_SPIKE_SEVERE_MULTIPLIER", "cost of a severe spike", 1, 1000),
        ("INEFFICIENT_PROMPT_MEDIAN_FACTOR", "input of a long prompt, of the median", 0, 1000),
        ("PROMPT_WASTER_FACTOR", "wasteful prompts, of the share of others", 0.1, 1000),
        ("SUSPICIOUS_MOST_TIMES_USUAL", "region changes that more calls explain", 1, 1000),
        ("COST_LEVER_FACTOR", "share of cost of a cost driver, of that of calls", 0.1, 1000),
        ("TOP_CUSTOMERS_FACTOR", "cost of the top customers, of their part of all", 1, 1000),
        ("EXPENSIVE_ORGANIZATION_FACTOR", "cost per token of an expensive organization", 0.1, 1000),
    ),
    **_limits(
        "of 1",
        ("MEDIUM_CONCENTRATION", "share of cost of one provider at medium risk", 0, 1),
        ("HIGH_CONCENTRATION", "share of cost of one provider at high risk", 0, 1),
        ("INEFFICIENT_PROMPT_MAX_OUTPUT_RATIO", "output of a long prompt, of its input", 0, 1),
        ("COMMITMENT_PERCENTILE", "quiet hour or day that is committed to", 0, 1),
        ("BURST_AROUND_PERCENTILE", "what the hours around a burst cost", 0, 1),
        ("DEGRADED_CHANCE", "chance of a degraded hour that is noise", 1e-300, 1),
        ("FEW_FAILURES_CHANCE", "chance of failures that is noise", 1e-300, 1),
        ("PROMPT_WASTER_CHANCE", "chance of wasteful prompts that is noise", 1e-300, 1),
    ),
    **_limits(
        "calls",
        ("MIN_FEATURE_CALLS", "from which a feature is classified", 1, _MANY),
        ("MODEL_MIN_CALLS", "from which a model is judged", 1, _MANY),
        ("UNIT_COST_MIN_CALLS", "from which a feature's cost per call is compared", 1, _MANY),
        ("MOVED_MIN_CALLS", "of a model that gave way to another", 1, _MANY),
        ("ROUTING_MIN_CALLS", "from which providers are compared", 1, _MANY),
        ("DEGRADED_MIN_CALLS", "in an hour from which a provider is judged", 1, _MANY),
        ("ABUSE_MIN_DAILY_CALLS", "from which a customer's day is judged", 1, _MANY),
        ("TREND_MIN_PREVIOUS_CALLS", "from which a customer's trend is judged", 1, _MANY),
        ("PROMPT_WASTER_MIN_CALLS", "wasteful prompts that are a habit", 1, _MANY),
        ("PROMPT_WASTER_PRIOR_CALLS", "that the share of others weighs as much as", 1, _MANY),
        ("ABUSE_LEVEL_MIN_DAILY_CALLS", "on a usual day of customers that are alike", 1, _MANY),
        ("HYBRID_INCLUDED_CALLS", "included in the hybrid price", 0, _MANY),
    ),
    **_limits(
        "days",
        ("SHORT_PERIOD_DAYS", "covered, for figures per month", 1, 365),
        ("CHURN_INACTIVE_DAYS", "without a call after which a customer is gone", 1, 3650),
        ("CHURN_MIN_DAYS", "covered, for a churn rate", 1, 3650),
        ("TREND_WINDOW_DAYS", "of each window that a customer's trend compares", 1, 365),
        ("LEGACY_DAYS", "before its end from which a model is legacy", 0, 36_500),
        ("ABUSE_MIN_BASELINE_DAYS", "of a customer's baseline", 1, 365),
        ("ABUSE_WINDOW_DAYS", "around a day that its baseline may have", 1, 365),
        ("UNIT_COST_DAYS", "at each end of the data that compare the cost per call", 1, 180),
        ("TREND_RECENT_DAYS", "of each half that the trend of the cost compares", 1, 180),
    ),
    **_limits(
        "customers",
        ("ABUSE_LEVEL_MIN_CUSTOMERS", "that show what all did on a day", 1, _MANY),
    ),
    **_limits(
        "weeks",
        ("NEW_FEATURE_WEEKS", "without calls before a new feature", 1, 520),
        ("OUTGROWN_WEEKS", "after which a customer has outgrown its tier", 1, 52),
        ("OUTGROWN_BASE_WEEKS", "before them that they are compared with", 1, 52),
        ("ABUSE_WEEKDAY_WEEKS", "around a day, of whose weekday its baseline is", 1, 53),
    ),
    **_limits(
        "hours",
        ("ANOMALY_MIN_HOURS", "with a call, for anomalies", 1, _MANY),
        ("BURST_AROUND_HOURS", "before and after a burst", 1, 168),
        ("BUSY_HOURS", "in a row that are the busiest of a region", 1, 24),
    ),
    **_limits(
        "tokens",
        ("INEFFICIENT_PROMPT_MIN_INPUT_TOKENS", "of input above which a prompt is long", 0, _MANY),
        ("SIMPLE_TASK_MAX_TOKENS", "below which a task is simple", 0, _MANY),
        ("TOKEN_BAND_WIDTH", "of a band in which latencies are compared", 1, _MANY),
    ),
    **_limits(
        "errors",
        ("HIGH_ERROR_RATE_MIN_ERRORS", "on a day of a high error rate", 1, _MANY),
        ("RATE_LIMIT_ERRORS_PER_HOUR", "at rate limits in an hour that are abuse", 0, _MANY),
        ("RATE_LIMIT_CRITICAL_ERRORS_PER_HOUR", "that are critical", 0, _MANY),
    ),
    **_limits(
        "changes of region",
        ("SUSPICIOUS_SWITCHES_PER_DAY", "on a day that are suspicious", 0, _MANY),
        ("SUSPICIOUS_SEVERE_SWITCHES_PER_DAY", "that are severe", 0, _MANY),
    ),
    **_limits(
        "points",
        ("ABUSE_SEVERE_POINTS", "more for a severe signal", 0, 100),
        ("ABUSE_CRITICAL_SCORE", "from which a customer is critical", 1, 100),
        ("CROSS_SUBSIDY_POINTS", "of share of cost above share of revenue", 0, 100),
    ),
    **_limits(
        "organizations",
        ("EFFICIENCY_LISTED", "listed as most and as least efficient", 1, 1000),
    ),
}
# Of these each is at most the next one.
RISING_LIMITS: Tuple[Tuple[str, ...], ...] = (
    ("BURN_MEDIUM_PCT", "BURN_HIGH_PCT", "BURN_CRITICAL_PCT"),
    ("AT_RISK_DROP_PCT", "AT_RISK_HIGH_DROP_PCT", "AT_RISK_CRITICAL_DROP_PCT"),
    ("MEDIUM_CONCENTRATION", "HIGH_CONCENTRATION"),
    ("UNUSUAL_Z", "UNUSUAL_HIGH_Z"),
    ("COST_SPIKE_MULTIPLIER", "COST_SPIKE_SEVERE_MULTIPLIER"),
    ("RATE_LIMIT_ERRORS_PER_HOUR", "RATE_LIMIT_CRITICAL_ERRORS_PER_HOUR"),
    ("SUSPICIOUS_SWITCHES_PER_DAY", "SUSPICIOUS_SEVERE_SWITCHES_PER_DAY"),
)
# Lists of words that a configuration file may set as well, and what they name.
WORD_LISTS: Mapping[str, str] = {
    "CLIENT_ERRORS": "kinds of errors that clients cause",
    "DOWNGRADABLE_TASKS": "tasks that tolerate a model one class lower",
    "BATCH_TASKS": "tasks whose answers may wait for a batch",
    "BATCH_PROVIDERS": "providers that have batch prices",
}
# A number by the name of a limit, or words by that of a list.
LimitValue = Union[float, FrozenSet[str]]


def configure(
    limits: Mapping[str, LimitValue],
    tier_prices: Mapping[str, float],
    budgets: Tuple[Budget, ...] = (),
) -> None:
    """Set limits and lists of words (by name), tier prices (USD a month, beside the built-in
    ones) and budgets for the rest of this process.

    Call it before analyzers are imported: some declare their tables with a limit's value.
    Raises ValueError for a name that is no limit.
    """
    unknown = [name for name in limits if name not in LIMITS and name not in WORD_LISTS]
    if unknown:
        raise ValueError(f"no such limit: {', '.join(unknown)}")
    globals().update(limits)
    if tier_prices:
        globals()["SUBSCRIPTION_TIERS"] = {**SUBSCRIPTION_TIERS, **tier_prices}
    if budgets:
        globals()["BUDGETS"] = budgets
