"""Instance types with local storage, and those with a GPU."""

from __future__ import annotations

import re

import pytest

from dagcast.sagemaker.instances import (
    FAMILIES_WITH_LOCAL_STORAGE,
    FAMILIES_WITHOUT_LOCAL_STORAGE,
    has_gpu,
    has_local_storage,
)
from dagcast.sagemaker.service_model import load_shapes
from tests.support.instance_families import WITH_LOCAL_STORAGE, WITHOUT_LOCAL_STORAGE

JOBS = ("TrainingInstanceType", "ProcessingInstanceType", "TransformInstanceType")
ENUMERATIONS = (*JOBS, "ProductionVariantInstanceType")


@pytest.mark.parametrize("family", WITH_LOCAL_STORAGE)
def test_families_with_local_storage(family: str) -> None:
    assert has_local_storage(f"ml.{family}.24xlarge") is True


@pytest.mark.parametrize("family", WITHOUT_LOCAL_STORAGE)
def test_families_without_local_storage(family: str) -> None:
    assert has_local_storage(f"ml.{family}.large") is False


@pytest.mark.parametrize("shape", ENUMERATIONS)
def test_every_instance_type_of_a_request_is_known(shape: str) -> None:
    names = load_shapes("sagemaker").shape(shape)["enum"]
    assert [name for name in names if has_local_storage(name) is None] == []


@pytest.mark.parametrize("family", ["c9gd", "m9idn", "i9", "im9gn", "d4"])
def test_a_new_family_is_judged_by_its_name(family: str) -> None:
    assert has_local_storage(f"ml.{family}.large") is True


@pytest.mark.parametrize(
    "name", ["ml.m99.large", "ml.dl2q.24xlarge", "m5d.large", "ml.g5", "", "ml.eia2.large"]
)
def test_other_names_are_unknown(name: str) -> None:
    assert has_local_storage(name) is None


def test_no_family_is_in_both_lists() -> None:
    assert not FAMILIES_WITH_LOCAL_STORAGE & FAMILIES_WITHOUT_LOCAL_STORAGE


@pytest.mark.parametrize("shape", ENUMERATIONS)
def test_instance_types_with_a_gpu_are_those_of_the_families_g_and_p(shape: str) -> None:
    """Source: "Amazon EC2 instance type naming conventions": g is for graphics, gr has more memory, p is for GPUs."""
    names = load_shapes("sagemaker").shape(shape)["enum"]
    assert names
    expected = {name: re.match(r"ml\.(g|gr|p)\d", name) is not None for name in names}
    assert {name: has_gpu(name) for name in names} == expected


@pytest.mark.parametrize("name", ["ml.m99.large", "g5.xlarge", "ml.g5", ""])
def test_whether_other_names_have_a_gpu_is_unknown(name: str) -> None:
    assert has_gpu(name) is None
