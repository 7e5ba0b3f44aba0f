"""The metadata tools: builders, validators on corpora of their own, patterns, measurements."""

from __future__ import annotations

import csv
import random
import re
import string
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.showcase.running import SHOWCASE, load, run_example

pytestmark = pytest.mark.unmeasured

FOLDER = SHOWCASE / "metadata"
validators, builders, examples, practices, corpus, measuring = load(
    "metadata",
    ["validators", "builders", "examples", "best_practices", "_corpus", "_demo_validators"],
)
IDS = ["customer_id", "feature_id", "organization_id", "product_id"]
VALID = {
    "customer_id": "cust_0001",
    "organization_id": "org_001",
    "product_id": "product_a",
    "feature_id": "chat",
    "subscription_tier": "pro",
    "environment": "production",
    "task_type": "chat",
}
OPTIONAL = {
    "user_id": "user_12ab",
    "component_id": "search",
    "subscription_id": "sub_9",
    "session_id": "sess_000123",
    "request_id": "req_00000001",
    "trace_id": "trace_00000001",
    "user_agent": "web_app_v1.2",
}


def test_fields_are_the_documented_ones() -> None:
    assert sorted(validators.REQUIRED) == IDS
    assert set(validators.STRICTLY_REQUIRED) == set(VALID)
    assert set(validators.OPTIONAL) == set(OPTIONAL)


def test_valid_sets_pass() -> None:
    subject = validators.MetadataValidator()
    assert subject.validate(VALID).ok
    assert subject.validate({**VALID, **OPTIONAL}).ok
    for tier in ("starter", "pro", "enterprise"):
        for environment in ("production", "staging", "development"):
            changed = {**VALID, "subscription_tier": tier, "environment": environment}
            assert subject.validate(changed).ok


@pytest.mark.parametrize("name", sorted(VALID))
def test_each_required_field_is_required(name: str) -> None:
    without = {key: value for key, value in VALID.items() if key != name}
    assert validators.MetadataValidator().validate(without).ok is (name not in IDS)
    (issue,) = validators.MetadataValidator.strict().validate(without).issues
    assert (issue.field, issue.value) == (name, None)
    assert "missing" in issue.rule
    assert issue.remedy


def drawn_clean(chance: random.Random) -> Any:
    """Draw a valid set, with this test's own idea of what is valid."""

    def word(length: Any) -> Any:
        return "".join(chance.choice(string.ascii_lowercase + string.digits) for _ in range(length))

    metadata = {
        "customer_id": f"cust_{chance.randrange(10**6):06d}",
        "organization_id": f"org_{chance.randrange(1000):03d}",
        "product_id": "product_" + chance.choice("abc"),
        "feature_id": chance.choice(["chat", "code-generation", "analysis", "smart_reply"]),
        "subscription_tier": chance.choice(["starter", "pro", "enterprise"]),
        "environment": chance.choice(["production", "staging", "development"]),
        "task_type": chance.choice(["chat", "extraction", "reasoning", "classification"]),
    }
    extras = {
        "user_id": "user_" + word(6),
        "session_id": "sess_" + word(12),
        "request_id": "req_" + word(10),
        "trace_id": chance.choice(["trace_" + word(8), f"{chance.getrandbits(128):032x}"]),
        "experiment_id": "exp_" + word(5),
        "retries": chance.randrange(5),
    }
    for name in extras:
        if chance.random() < 0.5:
            metadata[name] = extras[name]
    return metadata


def drawn_corrupted(chance: random.Random) -> Any:
    """Corrupt a valid set in one of this test's own ways."""
    metadata = drawn_clean(chance)
    name = chance.choice(list(VALID))
    value = metadata[name]
    way = chance.randrange(12)
    if way == 0:
        del metadata[name]
    elif way == 1:
        metadata[chance.choice(["x", "", "Z"]) + name.upper()] = metadata.pop(name)
    else:
        metadata[name] = {
            2: "",
            3: None,
            4: chance.random(),
            5: "\t" + value,
            6: value + " ",
            7: value.capitalize(),
            8: value.replace(value[0], "é", 1),
            9: {"id": value},
            10: value + "\u200b",
            11: f"<{value}>",
        }[way]
    return metadata


@pytest.mark.sampled
@pytest.mark.parametrize("seed", range(5))
def test_other_corpora_are_caught_without_false_alarms(seed: Any) -> None:
    chance = random.Random(1000 + seed)
    subject = validators.MetadataValidator.strict()
    assert all(subject.validate(drawn_clean(chance)).ok for _ in range(2000))
    bad = [drawn_corrupted(chance) for _ in range(2000)]
    caught = sum(not subject.validate(metadata).ok for metadata in bad)
    assert caught >= 0.95 * len(bad)


@pytest.mark.parametrize("seed", [0, 1, 77, 12345])
def test_own_corpus_with_other_seeds(seed: int) -> None:
    good = corpus.clean_corpus(1000, seed)
    for subject, required in (
        (validators.MetadataValidator(), validators.REQUIRED),
        (validators.MetadataValidator.strict(), validators.STRICTLY_REQUIRED),
    ):
        bad = corpus.corrupted_corpus(1000, seed + 1, required)
        got = measuring.measure(subject, good, bad)
        assert got.false_alarms == 0
        assert got.caught_percent >= 95
        assert set(got.missed_kinds) <= {"valid id of somebody else"}


def test_measure_counts_by_hand() -> None:
    bad = [corpus.Corrupted("a", {}), corpus.Corrupted("b", dict(VALID))]
    got = measuring.measure(validators.MetadataValidator(), [VALID, {}], bad)
    assert (got.caught, got.corrupted, got.false_alarms, got.clean) == (1, 2, 1, 2)
    assert dict(got.missed_kinds) == {"b": 1}
    assert got.caught_percent == 50


@pytest.mark.parametrize(
    ("changed", "field", "remedy"),
    [
        ({"subscription_tier": "enterprize"}, "subscription_tier", "did you mean enterprise?"),
        ({"environment": "qa"}, "environment", "use one of"),
        ({"customer_id": "cust_12x4"}, "customer_id", "cust_0042"),
        ({"sesion_id": "sess_1"}, "sesion_id", "did you mean session_id?"),
        ({"Camel": "x"}, "Camel", "rename"),
        ({"prompt": "x" * 300}, "prompt", "not a document"),
        ({"user_agent": "evil\nagent"}, "user_agent", "web_app"),
        ({"trace_id": "0" * 31}, "trace_id", "trace_"),
    ],
)
def test_issues_name_field_value_rule_and_remedy(changed: Any, field: str, remedy: str) -> None:
    (issue,) = validators.MetadataValidator().validate({**VALID, **changed}).issues
    assert issue.field == field
    assert issue.value == changed[field]
    assert issue.rule
    assert remedy in issue.remedy
    assert field in str(issue)


def test_terminal_escapes_are_not_printed() -> None:
    report = validators.MetadataValidator().validate({**VALID, "customer_id": "\x1b[31mred\x07"})
    assert str(report).isprintable()


def test_a_custom_field_beside_its_namesake_is_no_misspelling() -> None:
    metadata = {**VALID, **OPTIONAL, "request_ip": "10.0.0.1", "user_idx": 3}
    assert validators.MetadataValidator().validate(metadata).ok


def test_custom_rules_and_fields() -> None:
    owners = {"cust_0001": "org_001"}
    subject = validators.MetadataValidator().with_rule(validators.belongs_to(owners.get))
    assert subject.validate(VALID).ok
    (issue,) = subject.validate({**VALID, "organization_id": "org_002"}).issues
    assert "belongs to org_001" in issue.rule
    own = validators.Field("customer_id", "C-1", True, re.compile("C-[0-9]+"))
    changed = validators.MetadataValidator().with_field(own)
    assert changed.validate({**VALID, "customer_id": "C-77"}).ok
    assert not changed.validate(VALID).ok
    assert validators.MetadataValidator().validate(VALID).ok, "the default is unchanged"


def test_builder_builds_what_was_said_and_is_immutable() -> None:
    base = builders.MetadataBuilder().organization("org_001").environment("staging")
    chat_call = base.customer("cust_0001", "pro").product("product_a").feature("chat").task("chat")
    other = chat_call.feature("analysis", component_id="report").having(experiment="e1")
    assert chat_call.build() == {**VALID, "environment": "staging"}
    assert other.build()["feature_id"] == "analysis"
    assert chat_call.build()["feature_id"] == "chat"
    built = chat_call.build()
    built["customer_id"] = "changed"
    assert chat_call.build()["customer_id"] == "cust_0001"


def test_builder_reports_everything_that_is_missing() -> None:
    check = validators.MetadataValidator().check
    with pytest.raises(validators.InvalidMetadataError) as caught:
        builders.MetadataBuilder(check=check).environment("prod").build()
    fields = [issue.field for issue in caught.value.report.issues]
    assert sorted(fields) == sorted([*IDS, "environment"])


def test_a_builder_takes_another_check() -> None:
    strict = validators.MetadataValidator.strict().check
    base = builders.MetadataBuilder(check=strict).having(**VALID)
    assert base.build() == VALID
    with pytest.raises(ValueError, match="task_type"):
        base.task("").build()


def test_tagger_inherits_and_overrides() -> None:
    tagger = builders.HierarchicalTagger(environment="production", region="eu")
    tagger.define("org_001", subscription_tier="pro", region="us")
    tagger.define("org_001", "product_a", "chat", task_type="chat", region="ap")
    assert tagger.tag("org_002")["region"] == "eu"
    assert tagger.tag("org_001", "product_b")["region"] == "us"
    deep = tagger.tag("org_001", "product_a", "chat", customer_id="cust_0001")
    assert deep == {**VALID, "region": "ap"}
    assert tagger.origin("subscription_tier", "org_001", "product_a", "chat") == "org_001"
    assert tagger.origin("environment", "org_001") == "(everywhere)"
    with pytest.raises(KeyError):
        tagger.origin("nothing", "org_001")
    with pytest.raises(ValueError, match="at most 3 levels"):
        tagger.define("a", "b", "c", "d")
    with pytest.raises(ValueError, match="follows from the path"):
        tagger.define("org_001", product_id="x")


def test_at_least_ten_valid_patterns() -> None:
    patterns = examples.patterns()
    assert len(patterns) >= 10
    names = {pattern.name for pattern in patterns}
    wanted = {"E-commerce", "SaaS assistant", "Multi-tenant platform", "Feature flag", "A/B test"}
    assert wanted | {"Agent", "RAG search", "Healthcare", "Education", "Gaming"} <= names
    subject = validators.MetadataValidator.strict()
    assert all(subject.validate(pattern.metadata).ok for pattern in patterns)


def test_cardinality_is_that_of_the_data(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        names = ["timestamp", "provider", "model", "input_tokens", "output_tokens", "customer_id"]
        writer.writerow([*names, "organization_id", "request_id", "environment"])
        for number in range(500):
            when = datetime(2025, 1, 1) + timedelta(minutes=number)
            customer, owner = f"cust_{number % 10:04d}", f"org_{number % 5:03d}"
            if number == 7:
                owner = "org_099"
            row = [when.isoformat(), "openai", "m", 1, 1, customer, owner, f"req_{number}"]
            writer.writerow([*row, "production" if number % 2 else "staging"])
    ran = run_example(FOLDER / "best_practices.py", str(path))
    assert ran.status == 0, ran.err
    for name, count, verdict in (
        ("environment", 2, "group by it"),
        ("customer_id", 10, "group by it"),
        ("request_id", 500, "look up by it"),
        ("organization_id", 6, "group by it"),
    ):
        assert re.search(rf"{name} +{count} values: {verdict}", ran.out)
    assert "1 customers appear under more than one organization" in ran.out
    assert ran.figure("Calls measured") == "500"


def test_wide_metadata_costs_more() -> None:
    sets = corpus.clean_corpus(200, seed=5)
    narrow, wide = practices.measure_width(7, sets), practices.measure_width(60, sets)
    assert wide.raw_bytes > 4 * narrow.raw_bytes
    assert wide.gzip_bytes < wide.raw_bytes / 2


def test_printed_rates_are_of_the_run() -> None:
    ran = run_example(FOLDER / "validators.py")
    assert ran.status == 0, ran.err
    caught = float(ran.figure("Caught by formats").split()[0])
    assert 95 <= caught < 100, "the corpus holds what formats cannot see"
    assert ran.figure("False alarms") == "0"
    got = measuring.measure(
        validators.MetadataValidator.strict(),
        corpus.clean_corpus(measuring.DEMO_SIZE, measuring.DEMO_SEED),
        corpus.corrupted_corpus(measuring.DEMO_SIZE, measuring.DEMO_SEED + 1),
    )
    assert caught == pytest.approx(got.caught_percent, abs=0.01)
