"""The one family of errors that the course raises on purpose."""


class CourseError(Exception):
    """A mistake or a mishap that the learner can mend.

    Its message is one sentence: what is wrong, then the way out.
    """

    def _render_traceback_(self) -> list[str]:
        """Show the sentence alone in a notebook; the traceback would bury it."""
        return [f"{type(self).__name__}: {self}"]
