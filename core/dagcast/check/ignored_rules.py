"""Rules that a config or a command ignores, and what they would report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dagcast.diagnostic_codes import CODES, RULE_IDS, is_ignorable
from dagcast.errors import Diagnostic, did_you_mean
from dagcast.frozen_dataclass import dataclass


@dataclass(frozen=True)
class IgnoredRule:
    """An ignored rule.

    Attributes:
        rule: Its id.
        reason: Why it is ignored, as the user states it; may be empty.
        findings: What the rule would report.

    Example:
        >>> print(IgnoredRule("tuning.quota", "our account has a higher quota", ()))
        tuning.quota (our account has a higher quota): nothing breaks it
    """

    rule: str
    reason: str
    findings: tuple[Diagnostic, ...]

    def __str__(self) -> str:
        reason = f" ({self.reason})" if self.reason else ""
        if not self.findings:
            return f"{self.rule}{reason}: nothing breaks it"
        first, *others = self.findings
        place = f"{first.location}: " if first.location else ""
        more = f", and {len(others)} more" if others else ""
        return f"{self.rule}{reason}: {place}{first.message}{more}"

    def as_dict(self) -> dict[str, object]:
        """Return the rule as JSON-compatible data, for ``--json``."""
        findings = [finding.as_dict() for finding in self.findings]
        return {"rule": self.rule, "reason": self.reason, "findings": findings}


def group_ignored(reasons: Mapping[str, str], found: Iterable[Diagnostic]) -> tuple[IgnoredRule, ...]:
    """Return the ignored rules with what each would report.

    Args:
        reasons: The reason of each ignored rule by its id.
        found: What the ignored rules would report.
    """
    findings: dict[str, dict[Diagnostic, None]] = {rule: {} for rule in reasons}
    for item in found:
        findings[item.code][item] = None
    return tuple(IgnoredRule(rule, reasons[rule], tuple(items)) for rule, items in findings.items())


def unknown_rule(rule: str, plugin_rules: Iterable[str] = ()) -> str | None:
    """Return the remedy for an id that no rule has; ``None`` if the id can be ignored.

    Args:
        rule: The id.
        plugin_rules: The ids of the rules of plugins.

    Example:
        >>> unknown_rule("training.spot-wait") is None, unknown_rule("training.spot-wiat")
        (True, "did you mean 'training.spot-wait'?")
    """
    known = {*RULE_IDS, *plugin_rules, *filter(is_ignorable, CODES)}
    return None if rule in known else did_you_mean(rule, known) or "dagcast rules lists them"
