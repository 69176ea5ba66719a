"""Draws the course's pictures and clips, each with a record of what is in it.

Every subject has its own module: `scene`, `receipt`, `chart`, `pair`, `clip`. Each holds a
`make_…(rng, size, smooth=2)` that draws something new for every `random.Random`, and a `draw_…`
that draws one given thing. Both return the picture (or the frames) and its record. `fresh` is what
notebooks call: a picture for a kind and a number.
"""
