"""One server for a class: nginx in front, a key for each seat, and who is there.

`python -m helpers.classroom --address 192.168.1.20 --seats 30`, or `make class`. It may import
everything below; nothing imports it. This file imports nothing, so that ctrl-C in the first moment
finds `__main__`, which says so in a sentence.
"""
