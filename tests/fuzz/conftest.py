import os

from hypothesis import settings

settings.register_profile("few", max_examples=300, derandomize=True, deadline=None, database=None)
settings.register_profile("many", max_examples=5000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "few"))
