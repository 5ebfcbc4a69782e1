"""Hypothesis profiles: dev by default, ci and thorough by HYPOTHESIS_PROFILE; and the experiments as modules."""

import importlib
import os
from pathlib import Path

import matplotlib as mpl
import pytest
from hypothesis import HealthCheck, settings

mpl.use("Agg")
slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("dev", max_examples=50, deadline=None, suppress_health_check=slow)
settings.register_profile(
    "ci", max_examples=200, deadline=None, derandomize=True, print_blob=True, suppress_health_check=slow
)
settings.register_profile("thorough", max_examples=5000, deadline=None, suppress_health_check=slow)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture(scope="module")
def experiment(request):
    """The script of `experiments` that a test module is named after, as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[1] / "experiments"))
        return importlib.import_module(request.module.__name__.removeprefix("test_"))
