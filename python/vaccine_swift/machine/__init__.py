"""The machine and the process: processors, threads, bounds, ending on SIGTERM."""
