"""The small package behind the notebooks, room by room.

Ground: `errors`, `progress`, `versions`, `card`, `proxies`, `places`. On it stand the rooms
`server` and `download`, then `environment` and `media`, then `tokens` and `memory`, then `panels`
and `exercises`; each may import those before it (tests/test_structure.py holds this), and its
`__init__` names what the others may use. Importing any of it brings in neither torch nor vLLM.
"""
