import os
import resource
import time

assert resource.getrlimit(resource.RLIMIT_NPROC)[0] < 100, "no limit of processes"
try:
    while True:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
except OSError:
    pass
