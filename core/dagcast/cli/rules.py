"""``dagcast rules``: list the rules of the service, or explain one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby

import click

from dagcast.check.rules.examples import example
from dagcast.check.rules.pipeline_rule import PipelineRule
from dagcast.check.rules.registry import PIPELINE_RULES, all_rules
from dagcast.check.rules.rule import Rule
from dagcast.cli.output import fail
from dagcast.cli.plugin_options import chosen_plugins, plugin_options
from dagcast.errors import DagcastError, Diagnostic, DiagnosticSink, InvalidInputError, did_you_mean
from dagcast.plugins.select import PluginRequest

AnyRule = Rule | PipelineRule
_PAGE = """\
# Rules of the service

What SageMaker refuses, and its request shapes do not say. `validate`, `compile` and `run` check each rule before
anything starts; `dagcast rules ID` shows a request that obeys and one that breaks it. An error is a rule that the
service is known to hold. A warning is one that it likely holds, or that only the default of a pipeline parameter
breaks. A value that only the running pipeline knows breaks no rule.

A config ignores rules by their ids, with a reason:

```yaml
ignore_rules: {tuning.quota: our account has a higher quota}
```

This page is the output of `dagcast rules --markdown`.
[Which rows of AWS's documents are not rules](decisions/rules.md), and why.
"""


@click.command("rules")
@click.argument("rule_id", metavar="[ID]", required=False)
@click.option("--config", metavar="FILE", help="Config whose plugins section is applied.")
@click.option("--env", metavar="NAME", help="Environment of the config.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--markdown", is_flag=True, help="Print the page of the documentation.")
@plugin_options
def rules_command(
    *,
    rule_id: str | None,
    config: str | None,
    env: str | None,
    as_json: bool,
    markdown: bool,
    plugins: PluginRequest,
) -> None:
    """List the rules that requests and pipelines are checked against, or explain the one called ID."""
    try:
        known: tuple[AnyRule, ...] = (*all_rules(), *PIPELINE_RULES, *_plugin_rules(config, env, plugins))
    except DagcastError as error:
        fail(error, as_json)
    rules = {rule.id: rule for rule in known}
    if rule_id is not None and rule_id not in rules:
        hint = did_you_mean(rule_id, rules) or "dagcast rules lists them"
        unknown = Diagnostic(f"unknown rule {rule_id!r}", code="config.unknown-rule", hint=hint)
        fail(InvalidInputError([unknown]), as_json)
    if rule_id is not None:
        rule = rules[rule_id]
        click.echo(json.dumps(rule_data(rule), indent=2) if as_json else "\n".join(_explanation(rule)))
    elif as_json:
        click.echo(json.dumps([rule_data(rule) for rule in rules.values()], indent=2))
    else:
        click.echo("\n".join(_page(rules.values()) if markdown else _table(rules.values())))


def rule_data(rule: AnyRule) -> dict[str, object]:
    """Return a rule as JSON-ready data."""
    data: dict[str, object] = {
        "id": rule.id,
        "severity": rule.severity,
        "summary": rule.summary,
        "source": rule.source,
    }
    if isinstance(rule, Rule):
        shape = rule.shapes[0]
        data["requests"] = list(rule.shapes)
        data["obeys"], data["breaks"] = (
            example(shape, rule.obeys),
            example(shape, rule.breaks_for.get(shape, rule.breaks)),
        )
    else:
        data["obeys"], data["breaks"] = dict(rule.obeys), dict(rule.breaks)
    data["region_of_breaks"] = rule.breaks_in
    return data


def _plugin_rules(config: str | None, env: str | None, request: PluginRequest) -> tuple[Rule, ...]:
    from dagcast.plugins.call_hooks import collect_rules

    sink = DiagnosticSink()
    active = chosen_plugins(config, env, request).load(sink)
    # The rules of a plugin need valid options.
    return () if sink.errors else collect_rules(active)


def _area(rule: AnyRule) -> str:
    return rule.id.partition(".")[0]


def _sorted(rules: Iterable[AnyRule]) -> list[AnyRule]:
    return sorted(rules, key=lambda rule: rule.id)


def _table(rules: Iterable[AnyRule]) -> Iterator[str]:
    found = _sorted(rules)
    width = max(len(rule.id) for rule in found)
    for rule in found:
        yield f"{rule.id:{width}}  {rule.severity:7}  {rule.summary}"


def _page(rules: Iterable[AnyRule]) -> Iterator[str]:
    yield _PAGE.rstrip("\n")
    for area, members in groupby(_sorted(rules), key=_area):
        yield f"\n## {area}\n\n| id | severity | rule | source |\n|---|---|---|---|"
        for rule in members:
            yield f"| `{rule.id}` | {rule.severity} | {rule.summary}. | {rule.source}. |"


def _explanation(rule: AnyRule) -> Iterator[str]:
    yield f"{rule.id} ({rule.severity})"
    yield f"  {rule.summary}."
    yield f"  Source: {rule.source}."
    data = rule_data(rule)
    if isinstance(rule, Rule):
        yield f"  Requests: {', '.join(rule.shapes)}"
    yield f"  To ignore it: ignore_rules: {{{rule.id}: the reason}}"
    for name, title in (("obeys", "Obeys:"), ("breaks", "Breaks:")):
        yield f"\n{title}"
        yield json.dumps(data[name], indent=2)
