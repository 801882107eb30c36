"""Staging: the code that steps run, as S3 objects whose content and address are known before any upload."""
