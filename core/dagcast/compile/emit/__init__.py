"""Emit a PipelineSpec as objects of the SageMaker SDK.

Only this package imports the classes of the SageMaker SDK. It imports them lazily: importing these modules does not
import the SDK.
"""
