"""The small package behind the notebooks: places, server, media, downloads and checks.

Importing any of it is quick and brings in neither torch nor vLLM.
"""

from helpers.tokens import image_tokens, plan_clip, video_tokens

__all__ = ["image_tokens", "plan_clip", "video_tokens"]
