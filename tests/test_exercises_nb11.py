"""The exercises of notebook 11: right answers in many forms, wrong ones with their reason."""

from helpers.exercises import nb11
from tests.exercise_cases import hold_answers

RIGHT = {
    nb11.check_jump: [
        "graphs, not async",
        " Graphs,  not async ",
        "graphs not async",
        "'graphs,not async'",
    ],
    nb11.check_second_card: [2.19, "2.2", "x2.19", "× 2.2", "219 %", 25_226 / 11_503],
}
WRONG = {
    nb11.check_jump: [
        ("eager", "first step"),
        ("graphs, async", "× 1.48"),
        ("FP8", "no step of the ladder"),
        (169, "in quotes"),
    ],
    nb11.check_second_card: [
        (0.456, "other way round"),
        (1.30, "at 128 at once"),
        (2.0, "divide"),
        ("two", "one number"),
    ],
}
test_every_answer = hold_answers(RIGHT, WRONG)
