"""Regular expressions that are compiled when they are first used.

A compile imports about fifty patterns as constants of modules, and a small one uses half of them; compiling one takes
a tenth of a millisecond.

>>> WORD = lazy_pattern(r"[a-z]+")
>>> WORD.fullmatch("word")
<re.Match object; span=(0, 4), match='word'>
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

__all__ = ["lazy_pattern"]

if TYPE_CHECKING:
    from re import compile as lazy_pattern
else:

    class lazy_pattern:  # noqa: N801 - a type checker sees a function
        """Stands for ``re.compile(pattern, flags)``; arguments are not checked before the first use."""

        def __init__(self, pattern: str, flags: int = 0) -> None:
            self._arguments = (pattern, flags)

        def __getattr__(self, name: str) -> Any:
            found = getattr(re.compile(*self._arguments), name)
            # From now on the attribute is found without this method.
            setattr(self, name, found)
            return found
