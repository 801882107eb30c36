"""The meaning of fields that several step types have, by name. A field's own description is used in place of it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

FIELD_TEXTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "type": "Type of the step",
        "display_name": "Name that Studio shows",
        "description": "Text that Studio shows",
        "depends_on": "Steps that end before this one starts, besides those whose outputs it reads",
        "retry_policies": "When the service tries a failed step again",
        "cache": "Whether the service may reuse an earlier result, and how long: true, false or such as P30D",
        "role": "ARN of the role that the step runs with; by default the pipeline's",
        "image_uri": "Image of the container",
        "environment": "Variables of the container",
        "inputs": "What each input port reads",
        "outputs": "What the step writes, by name",
        "arguments": "Arguments of the script or of container_entrypoint",
        "hyperparameters": "Hyperparameters of the job; the script of entry_point reads them as arguments",
        "instance_type": "Type of the instances, such as ml.m5.xlarge",
        "instance_count": "Number of instances",
        "volume_size_in_gb": "Size of the volume of each instance, in GB",
        "volume_kms_key": "KMS key that encrypts the volumes; instances with local storage take none",
        "output_kms_key": "KMS key that encrypts what the step writes to S3",
        "kms_key": "KMS key that encrypts the volumes of the instances",
        "max_runtime_in_seconds": "Seconds until the service stops the job; by default a day, or a spot job's wait",
        "max_wait_time_in_seconds": "Seconds that a spot job may take, including the wait for instances",
        "use_spot_instances": "Whether the job runs on spot instances; it needs max_wait_time_in_seconds",
        "checkpoint_s3_uri": "S3 URI that checkpoints are copied to, and restored from",
        "checkpoint_local_path": "Folder of the checkpoints in the container; by default /opt/ml/checkpoints",
        "input_mode": "How the container receives its data: as files, as a pipe, or as files that are read on demand",
        "metric_definitions": "Name of each metric, and the regular expression that finds its value in the log",
        "enable_network_isolation": "Whether the containers have no network",
        "encrypt_inter_container_traffic": "Whether traffic between the instances of a job is encrypted",
        "subnets": "Subnets of a VPC that the containers run in",
        "security_group_ids": "Security groups of the containers in the VPC",
        "tags": "Tags of what the step creates",
        "aliases": "Other names that edges and ports of the same name may use",
        "compression_type": "Compression of the input",
        "content_type": "MIME type of the data",
        "data_type": "What the S3 URI names: a prefix, or a manifest of objects",
        "distribution": "Whether each instance receives all objects or a share of them",
    }
)
