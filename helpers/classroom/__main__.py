"""`python -m helpers.classroom --help` tells what it takes."""

from helpers.classroom.classroom import main

main()
