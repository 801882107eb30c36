"""Facts of SageMaker and of its SDKs: the service model, container images."""
