"""Daily questions about scenes."""

SCENE_TALK_ASKS: dict = {}
