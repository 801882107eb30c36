"""The content types of the XGBoost images."""

from __future__ import annotations

from email.message import Message

CSV, LIBSVM, PARQUET, RECORDIO = "csv", "libsvm", "parquet", "recordio-protobuf"

DEFAULT = "text/libsvm"
"""The content type of a channel or request that names none."""

_NAMES = {
    "csv": CSV,
    "text/csv": CSV,
    "libsvm": LIBSVM,
    "text/libsvm": LIBSVM,
    "text/x-libsvm": LIBSVM,
    "parquet": PARQUET,
    "application/x-parquet": PARQUET,
    "recordio-protobuf": RECORDIO,
    "application/x-recordio-protobuf": RECORDIO,
}


class ContentTypeError(ValueError):
    """A content type is one that the images do not read."""


def read_content_type(text: str) -> str:
    """Return ``csv``, ``libsvm``, ``parquet`` or ``recordio-protobuf``.

    Args:
        text: A content type, with or without parameters.

    Raises:
        ContentTypeError: If the images refuse it.

    Example:
        >>> read_content_type("text/csv; label_size=1"), read_content_type("text/x-libsvm ;charset=utf8")
        ('csv', 'libsvm')
    """
    message = Message()
    message["Content-Type"] = text.lower()
    kind = text.lower().partition(";")[0].strip()
    if kind not in _NAMES:
        known = ", ".join(_NAMES)
        raise ContentTypeError(f"{text} is not an accepted ContentType: {known}.")
    label_size = message.get_param("label_size")
    if _NAMES[kind] == CSV and label_size not in (None, "1"):
        raise ContentTypeError(
            f"{text} is not an accepted csv ContentType. Optional parameter label_size must be equal to 1"
        )
    return _NAMES[kind]
