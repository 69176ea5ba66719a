"""One server for a class: nginx in front, a key for each seat, and who is there.

`python -m helpers.classroom --address 192.168.1.20 --seats 30`, or `make class`. It may import
everything below; nothing imports it.
"""

from helpers.classroom.door import Door
from helpers.classroom.seats import ClassError, Seat, make_seats, read_seats, write_seats

__all__ = ["ClassError", "Door", "Seat", "make_seats", "read_seats", "write_seats"]
