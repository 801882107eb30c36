"""Facts of SageMaker and its SDKs, each with its source: request fields, limits, instances, images, service model."""
