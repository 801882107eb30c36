"""The algorithm of SageMaker's XGBoost images, on this machine."""
