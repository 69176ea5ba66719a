"""`python -m helpers.server [stop]`: run the course's server, or stop all of them."""

from helpers.server.server import main

main()
