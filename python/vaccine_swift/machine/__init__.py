"""The machine and the process: processors, threads, ending on SIGTERM."""
