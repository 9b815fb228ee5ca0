"""Patches the hubs' clients when a downloading process starts; on its path in tests only."""

import os
import sys


class _NoPauses:
    def __init__(self, time):
        self._time = time

    def __getattr__(self, name):
        return getattr(self._time, name)

    def sleep(self, seconds):
        pass


def _patch_hugging_face():
    """Leave out the seconds between two attempts."""
    import huggingface_hub.file_download as file_download
    import huggingface_hub.utils._http as http

    for module in (file_download, http):
        module.time = _NoPauses(module.time)


def _patch_kaggle():
    """No setting of kagglehub takes any address, so its table of addresses is patched.

    The seconds between two attempts to upload are left out, too.
    """
    from kagglehub import gcs_upload
    from kagglesdk import kaggle_env

    gcs_upload.time = _NoPauses(gcs_upload.time)
    kaggle_env._env_to_endpoint[kaggle_env.KaggleEnv.PROD] = os.environ["TEST_KAGGLE_URL"]


if "mlmzoo.presets.sources.downloader_main" in sys.orig_argv:
    if "TEST_KAGGLE_URL" in os.environ:
        _patch_kaggle()
    elif "TEST_NO_PAUSES" in os.environ:
        _patch_hugging_face()
