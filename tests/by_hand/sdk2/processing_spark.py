"""Spark jobs: the processors for Python and for Java."""

from __future__ import annotations

from typing import Any

from sagemaker.spark.processing import PySparkProcessor, SparkJarProcessor
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.steps import ProcessingStep

from ..inputs import CODE, DATA, INSTANCE, OUTPUT, ROLE


def build(session: Any) -> Pipeline:
    """``spark`` runs a script with modules beside it; ``jar`` runs a class."""
    common = {
        "framework_version": "3.1",
        "role": ROLE,
        "instance_count": 2,
        "instance_type": INSTANCE,
        "max_runtime_in_seconds": 1200,
        "sagemaker_session": session,
    }
    spark = PySparkProcessor(base_job_name="spark", env={"LOG_LEVEL": "info"}, **common)
    jar = SparkJarProcessor(base_job_name="jar", env={"LOG_LEVEL": "info"}, **common)
    steps = [
        ProcessingStep(
            name="spark",
            step_args=spark.run(
                submit_app=f"{CODE}/spark.py",
                submit_py_files=[f"{CODE}/a.py", f"{CODE}/b.py"],
                arguments=["--rows", f"{DATA}/rows"],
                spark_event_logs_s3_uri=f"{OUTPUT}/events",
            ),
        ),
        ProcessingStep(
            name="jar",
            step_args=jar.run(
                submit_app=f"{CODE}/app.jar", submit_class="com.example.Main", arguments=[f"{DATA}/rows"]
            ),
        ),
    ]
    return Pipeline(name="processing-spark", steps=steps, sagemaker_session=session)
