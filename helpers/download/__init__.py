"""Fetch the model from ModelScope or Hugging Face, and prove that it arrived whole (notebook 01).

It may import the ground alone.
"""

from helpers.download.fetch import (
    DiskSpace,
    DownloadError,
    check_disk,
    download_model,
    fetch_manifest,
    model_folder,
)
from helpers.download.manifest import (
    Manifest,
    ManifestError,
    Verification,
    make_manifest,
    verify_folder,
)

__all__ = [
    "DiskSpace",
    "DownloadError",
    "Manifest",
    "ManifestError",
    "Verification",
    "check_disk",
    "download_model",
    "fetch_manifest",
    "make_manifest",
    "model_folder",
    "verify_folder",
]
