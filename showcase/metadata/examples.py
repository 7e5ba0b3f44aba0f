"""Metadata examples: twelve kinds of application, what they tag, and what that answers.

Each pattern is a complete metadata set for a typical call, with the custom fields that its
business asks about.  All of them pass the strict validator as they stand; copy the nearest one.

Use case: deciding what to tag in an application of your own.
Pattern: the shared fields first, few custom fields, ids instead of contents.
Performance: the demonstration measures size on the wire and validation of each pattern.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any, Callable, Dict, Tuple

# The fields that all applications share.
SHARED = (
    "customer_id",
    "organization_id",
    "product_id",
    "feature_id",
    "subscription_tier",
    "environment",
    "task_type",
    "user_id",
    "component_id",
    "subscription_id",
    "session_id",
    "request_id",
    "trace_id",
    "user_agent",
)


@dataclass(frozen=True)
class MetadataPattern:
    """One kind of application: its name, a typical call's metadata, the question it answers."""

    name: str
    answers: str
    metadata: Dict[str, Any]

    @property
    def custom_fields(self) -> Tuple[str, ...]:
        """The fields that are this pattern's own."""
        return tuple(name for name in self.metadata if name not in SHARED)


def _call(
    customer: int, tier: str, product: str, feature: str, task: str, **more: Any
) -> Dict[str, Any]:
    """Return a complete set; what is in `more` is added last."""
    return {
        "organization_id": f"org_{customer % 50 + 1:03d}",
        "customer_id": f"cust_{customer:04d}",
        "subscription_tier": tier,
        "product_id": product,
        "feature_id": feature,
        "task_type": task,
        "environment": "production",
        **more,
    }


# Name, the question it answers, (customer, tier, product, feature, task), further fields.
SPECS: Tuple[Tuple[str, str, Tuple[int, str, str, str, str], Dict[str, Any]], ...] = (
    (
        "E-commerce",
        "What does an AI product description cost per category and per sale?",
        (11, "pro", "product_shop", "product-descriptions", "summarization"),
        dict(session_id="sess_cart_81", category="outdoor", order_stage="browsing"),
    ),
    (
        "SaaS assistant",
        "Which plan's users cost more than their plan brings in?",
        (12, "starter", "product_crm", "chat", "chat"),
        dict(user_id="user_8f3a", subscription_id="sub_51ab", component_id="sidebar"),
    ),
    (
        "Multi-tenant platform",
        "Which tenant caused the bill, and whose workspace inside it?",
        (13, "enterprise", "product_platform", "analysis", "reasoning"),
        dict(tenant_region="eu", workspace_id="ws_204"),
    ),
    (
        "Feature flag",
        "What does the new model cost behind its flag, before everybody gets it?",
        (14, "pro", "product_mail", "smart-reply", "chat"),
        dict(flag="smart_reply_v2", flag_state="on", rollout_percent=10),
    ),
    (
        "A/B test",
        "Is the cheaper variant as good, and what does it save?",
        (15, "pro", "product_docs", "summarization", "summarization"),
        dict(experiment_id="exp_short_prompts", variant="b"),
    ),
    (
        "Agent",
        "Which step of the agent's work is the expensive one?",
        (16, "enterprise", "product_support", "ticket-agent", "reasoning"),
        dict(trace_id="trace_agent_42", agent="triage", step="plan", attempt=1),
    ),
    (
        "RAG search",
        "How much of a question's price is retrieval context?",
        (17, "pro", "product_wiki", "question-answering", "extraction"),
        dict(index_name="handbook_v7", chunks=8, reranked=True),
    ),
    (
        "Healthcare",
        "What does a note cost per department, without any patient's data?",
        (18, "enterprise", "product_clinic", "note-drafting", "summarization"),
        dict(department="radiology", phi_removed=True),
    ),
    (
        "Education",
        "What does a course cost per active learner?",
        (19, "starter", "product_campus", "tutor", "chat"),
        dict(course_id="course_algebra1", role="student", term="spring"),
    ),
    (
        "Gaming",
        "What does a talking character cost per hour of play?",
        (20, "starter", "product_game", "npc-dialogue", "chat"),
        dict(session_id="sess_match_9", npc="innkeeper", shard="eu2"),
    ),
    (
        "Batch pipeline",
        "What does a nightly run cost, and which source makes it expensive?",
        (21, "enterprise", "product_data", "labelling", "classification"),
        dict(job_id="job_nightly", source="web_forms", component_id="batch_worker"),
    ),
    (
        "Developer tool",
        "What does a pull request cost in reviews and suggestions?",
        (22, "pro", "product_ide", "code-generation", "code_generation"),
        dict(user_agent="ide_plugin_v4.1", language="python", repository="billing"),
    ),
)


def patterns() -> Tuple[MetadataPattern, ...]:
    """Return all patterns."""
    return tuple(
        MetadataPattern(name, answers, _call(*call, **more)) for name, answers, call, more in SPECS
    )


def demonstrate() -> Dict[str, float]:
    """Validate and print every pattern; return the measured figures."""
    from _demo_examples import demonstrate as demonstration

    return demonstration()


# --- the same as in _start.py ---------------------------------------------------------------------


def run_demonstration(demonstration: Callable[[], object]) -> int:
    """Run what needs the showcase's helper files; return the exit status.

    It is 2, after one line on standard error, where they are missing.
    """
    try:
        from _console import run

        return run(demonstration)
    except ImportError as error:
        print(
            f"{os.path.basename(sys.argv[0])}: its demonstration needs {error.name}.py and the "
            "other files of its folder whose names begin with _; to import it needs none of them",
            file=sys.stderr,
        )
        return 2


# --- end of _start.py -----------------------------------------------------------------------------


if __name__ == "__main__":
    sys.exit(run_demonstration(demonstrate))
