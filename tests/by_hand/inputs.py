"""Fixed inputs that the reference pipelines of both SDKs share."""

from __future__ import annotations

from pathlib import Path

REGION = "us-east-1"
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerRole"
BUCKET = "example-bucket"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/dagcast:1"
INSTANCE = "ml.m5.xlarge"
KMS_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SUBNETS = ["subnet-0a1b2c3d", "subnet-4e5f6a7b"]
SECURITY_GROUPS = ["sg-0a1b2c3d"]
SKLEARN_VERSION = "1.2-1"
TAGS = [{"Key": "team", "Value": "ml"}]

CODE = f"s3://{BUCKET}/code"
DATA = f"s3://{BUCKET}/data"
OUTPUT = f"s3://{BUCKET}/output"
MODEL_DATA = f"s3://{BUCKET}/model/model.tar.gz"

# The one class that refuses anything but a file of this machine (NotebookJobStep) gets this one.
NOTEBOOK = Path(__file__).parent / "files" / "report.ipynb"
# ModelTrainer's own script mode reads the folder when it validates, and uploads it when it compiles.
SOURCE_DIR = Path(__file__).parent / "files" / "source"
