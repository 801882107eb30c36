"""Keep the values of secret options out of whatever leaves the process: messages, reports, locks and registries.

An option is secret if its type is ``SecretStr``, ``SecretBytes`` or another ``Secret`` of pydantic, at any depth.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, Secret, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

MASK = "**********"
"""What stands in the place of a secret, as in pydantic's own output."""

_SECRETS = (SecretStr, SecretBytes, Secret)
_MIN_LENGTH = 3
"""The least length of a secret that is looked for in other texts: shorter ones occur in any text."""


def mask_options(options: Any) -> Any:
    """Return options with a mask in the place of each secret value.

    Args:
        options: An instance of an options model, or a value of one of its fields.
    """
    if isinstance(options, SecretBytes):
        return type(options)(MASK.encode())
    if isinstance(options, (SecretStr, Secret)):
        return type(options)(MASK)
    if isinstance(options, BaseModel):
        fields = {name: mask_options(value) for name, value in _fields(options).items()}
        changed = {name: value for name, value in fields.items() if value is not getattr(options, name)}
        return options.model_copy(update=changed) if changed else options
    if type(options) is dict:
        return {key: mask_options(value) for key, value in options.items()}
    if type(options) in (list, tuple, set, frozenset):
        return type(options)(map(mask_options, options))
    return options


def secret_values(options: Any) -> frozenset[str]:
    """Return the texts of all secret values of options."""
    return frozenset(_secrets(options))


def _secrets(options: Any) -> Iterator[str]:
    if isinstance(options, _SECRETS):
        yield from _texts(options.get_secret_value())
    elif isinstance(options, BaseModel):
        for value in _fields(options).values():
            yield from _secrets(value)
    elif isinstance(options, dict):
        for value in options.values():
            yield from _secrets(value)
    elif isinstance(options, (list, tuple, set, frozenset)):
        for value in options:
            yield from _secrets(value)


def _fields(options: BaseModel) -> dict[str, Any]:
    return {**vars(options), **(options.model_extra or {})}


def given_secrets(model: type[BaseModel], given: Mapping[str, Any]) -> frozenset[str]:
    """Return the texts of secret values as a config holds them, valid or not.

    Args:
        model: The options model.
        given: The options of the config.
    """
    return frozenset(text for _, value in _given(model, given, ()) for text in _texts(value))


def mask_given(model: type[BaseModel], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a config with a mask in the place of each secret value.

    Args:
        model: The options model.
        given: The options of the config: JSON data.

    Example:
        >>> class Options(BaseModel):
        ...     url: str
        ...     token: SecretStr
        >>> mask_given(Options, {"url": "https://example.com", "token": "abc"})
        {'url': 'https://example.com', 'token': '**********'}
    """
    masked: dict[str, Any] = dict(given)
    for path, _ in _given(model, given, ()):
        masked = _replaced(masked, path)
    return masked


def _replaced(value: Any, path: tuple[str | int, ...]) -> Any:
    if not path:
        return MASK
    if isinstance(value, Mapping):
        return {**value, path[0]: _replaced(value[path[0]], path[1:])}
    items = list(value)
    items[int(path[0])] = _replaced(items[int(path[0])], path[1:])
    return items


def _given(
    annotation: Any, value: Any, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield the path and the value of each secret in data, by the types that the data will be validated with."""
    origin = get_origin(annotation)
    if _is_secret(annotation) or _is_secret(origin):
        yield path, value
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if isinstance(value, Mapping):
            for name, info in annotation.model_fields.items():
                for key in _spellings(name, info):
                    if key in value:
                        yield from _given(info.annotation, value[key], (*path, key))
    elif isinstance(value, Mapping) and isinstance(origin, type) and issubclass(origin, Mapping):
        for key, item in value.items():
            yield from _given(get_args(annotation)[-1], item, (*path, key))
    elif isinstance(value, (list, tuple)) and isinstance(origin, type) and issubclass(origin, Iterable):
        for argument in get_args(annotation):
            for index, item in enumerate(value):
                yield from _given(argument, item, (*path, index))
    elif origin is not None:
        # Optional, unions, annotated types; and a value that is not the list or mapping that it should be.
        for argument in get_args(annotation):
            yield from _given(argument, value, path)


def _is_secret(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, _SECRETS)


def _spellings(name: str, info: FieldInfo) -> tuple[str, ...]:
    choices = getattr(info.validation_alias, "choices", (info.validation_alias,))
    return tuple(
        dict.fromkeys((name, *(str(item) for item in (*choices, info.alias) if isinstance(item, str))))
    )


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts of the scalar values in data, and of its keys: a secret in braces is a key."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, (bytes, bytearray)):
        yield bytes(value).decode("utf-8", "replace")
    elif value is not None:
        yield str(value)


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return a text with a mask in the place of each secret.

    Example:
        >>> redact("401 for token s3cret", {"s3cret"})
        '401 for token **********'
    """
    for secret in sorted(secrets, key=len, reverse=True):
        # As it is, and as repr() shows it. Messages are on one line.
        for form in (secret, repr(secret)[1:-1], " ".join(secret.split())):
            if len(form) >= _MIN_LENGTH:
                text = text.replace(form, MASK)
    return text


def holds_secret(value: Any, secrets: Iterable[str]) -> bool:
    """Return whether a value, which may be nested and of any type, holds the text of a secret."""
    known = [secret for secret in secrets if len(secret) >= _MIN_LENGTH]
    if not known:
        return False
    return _holds(value, known, 0)


_MAX_DEPTH = 50


def _holds(value: Any, secrets: list[str], depth: int) -> bool:
    if isinstance(value, (bytes, bytearray)):
        value = bytes(value).decode("utf-8", "replace")
    if isinstance(value, str):
        return any(secret in value for secret in secrets)
    if depth >= _MAX_DEPTH or value is None or isinstance(value, (bool, int, float)):
        return False
    if isinstance(value, Mapping):
        return any(
            _holds(key, secrets, depth) or _holds(item, secrets, depth + 1) for key, item in value.items()
        )
    if isinstance(value, (list, tuple, set, frozenset)):
        return any(_holds(item, secrets, depth + 1) for item in value)
    attributes = getattr(value, "__dict__", None)
    module = type(value).__module__.partition(".")[0]
    return module == "dagcast" and attributes is not None and _holds(dict(attributes), secrets, depth + 1)
