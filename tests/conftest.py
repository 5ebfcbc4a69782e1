"""Hypothesis profiles: dev by default, ci and thorough by HYPOTHESIS_PROFILE."""

import os

import matplotlib as mpl
from hypothesis import HealthCheck, settings

mpl.use("Agg")
slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("dev", max_examples=50, deadline=None, suppress_health_check=slow)
settings.register_profile(
    "ci", max_examples=200, deadline=None, derandomize=True, print_blob=True, suppress_health_check=slow
)
settings.register_profile("thorough", max_examples=5000, deadline=None, suppress_health_check=slow)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
