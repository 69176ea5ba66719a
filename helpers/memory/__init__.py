"""Plan the memory of a server before it starts, and hold the plan against its log (notebook 08).

It may import the ground and the server's room. `layout` divides the memory by the terms in
`terms`, `changes` proposes what to change, `plan` puts both into words, `view` draws.
"""

from helpers.memory.changes import Change
from helpers.memory.layout import read_processor
from helpers.memory.plan import UNPLANNED, Plan, make_card, plan_memory, read_card, read_settings
from helpers.memory.shapes import QWEN3_VL_4B, Shapes, ShapesError, read_shapes
from helpers.memory.terms import PlanError, Settings
from helpers.memory.view import Comparison, compare_memory, draw_memory

__all__ = [
    "QWEN3_VL_4B",
    "UNPLANNED",
    "Change",
    "Comparison",
    "Plan",
    "PlanError",
    "Settings",
    "Shapes",
    "ShapesError",
    "compare_memory",
    "draw_memory",
    "make_card",
    "plan_memory",
    "read_card",
    "read_processor",
    "read_settings",
    "read_shapes",
]
