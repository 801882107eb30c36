"""Emission: a PipelineSpec becomes the SageMaker SDK's own objects.

The only room that imports the classes of the SageMaker SDK, and it does so late: importing these modules imports
none of it.
"""
