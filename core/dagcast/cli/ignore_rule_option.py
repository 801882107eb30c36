"""The option ``--ignore-rule`` of commands that take a definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def ignore_rule_option() -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option ``--ignore-rule``, which a definition needs, since it has no ``ignore_rules``."""

    def as_mapping(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
        split = (text.partition("=") for text in value)
        return {rule: reason for rule, _, reason in split}

    return click.option(
        "--ignore-rule",
        "ignore_rules",
        multiple=True,
        metavar="ID[=REASON]",
        callback=as_mapping,
        help="Ignore a rule of the service in a definition. A config has ignore_rules.",
    )
