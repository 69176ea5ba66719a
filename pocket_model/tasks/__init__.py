"""The tasks of the pocket model: what is drawn, what is asked, and what a right answer is."""
