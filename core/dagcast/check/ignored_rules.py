"""Rules that a config or a command ignores, and what they would report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dagcast.diagnostic_codes import CODES, RULE_IDS, is_ignorable
from dagcast.errors import Diagnostic, IgnoredRule, did_you_mean


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
