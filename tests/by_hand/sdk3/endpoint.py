"""An endpoint: the session's create_endpoint is the producer."""

from __future__ import annotations

from typing import Any

from sagemaker.mlops.workflow.endpoint_step import EndpointConfigStep, EndpointStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import CacheConfig

from ..inputs import INSTANCE, TAGS


def build(session: Any) -> Pipeline:
    """A configuration, an endpoint on it by reference, and one on a configuration that exists."""
    config = EndpointConfigStep(
        name="config",
        step_args=session.create_endpoint_config(
            name="breast-cancer",
            production_variants=[
                {
                    "VariantName": "AllTraffic",
                    "ModelName": "breast-cancer",
                    "InitialInstanceCount": 1,
                    "InstanceType": INSTANCE,
                    "InitialVariantWeight": 1,
                }
            ],
        ),
    )
    serve = EndpointStep(
        name="serve",
        step_args=session.create_endpoint(
            endpoint_name="breast-cancer", config_name=config.properties.EndpointConfigName
        ),
    )
    serve_named = EndpointStep(
        name="serve-named",
        display_name="Serve",
        description="On a configuration of before.",
        step_args=session.create_endpoint(
            endpoint_name="breast-cancer-named", config_name="breast-cancer-v1", tags=TAGS
        ),
        depends_on=[serve],
        cache_config=CacheConfig(enable_caching=True, expire_after="P1D"),
    )
    return Pipeline(name="endpoint", steps=[config, serve, serve_named], sagemaker_session=session)
