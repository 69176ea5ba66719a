"""`python -m helpers.classroom --help` tells what it takes."""

try:
    from helpers.classroom.classroom import main

    main()
except KeyboardInterrupt:
    print("\nInterrupted: nothing was left running.")
