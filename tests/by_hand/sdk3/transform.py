"""Batch transform: the Transformer class with its defaults, and with its options.

Without a base name for its jobs the class asks the service which image the model has.
"""

from __future__ import annotations

from typing import Any

from sagemaker.core.transformer import Transformer
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import CacheConfig, TransformStep

from ..inputs import DATA, INSTANCE, KMS_KEY, OUTPUT, TAGS


def build(session: Any) -> Pipeline:
    """Two transform steps on a model that exists already."""
    plain = Transformer(
        model_name="breast-cancer",
        instance_count=1,
        instance_type=INSTANCE,
        output_path=f"{OUTPUT}/score",
        base_transform_job_name="score",
        sagemaker_session=session,
    )
    score = TransformStep(name="score", step_args=plain.transform(data=f"{DATA}/batch"))
    full = Transformer(
        model_name="breast-cancer",
        instance_count=2,
        instance_type=INSTANCE,
        strategy="MultiRecord",
        assemble_with="Line",
        output_path=f"{OUTPUT}/score-all",
        output_kms_key=KMS_KEY,
        accept="text/csv",
        max_concurrent_transforms=4,
        max_payload=6,
        tags=TAGS,
        env={"LOG_LEVEL": "info"},
        volume_kms_key=KMS_KEY,
        base_transform_job_name="score-all",
        sagemaker_session=session,
    )
    score_all = TransformStep(
        name="score-all",
        step_args=full.transform(
            data=f"{DATA}/batch",
            data_type="S3Prefix",
            content_type="text/csv",
            compression_type="Gzip",
            split_type="Line",
            input_filter="$[1:]",
            output_filter="$[0,-1]",
            join_source="Input",
            model_client_config={"InvocationsTimeoutInSeconds": 60, "InvocationsMaxRetries": 1},
        ),
        cache_config=CacheConfig(enable_caching=True, expire_after="P1D"),
        depends_on=[score],
    )
    return Pipeline(name="transform", steps=[score, score_all], sagemaker_session=session)
