import os
import subprocess
import sys


def dot(a, b):
    for command in (["/bin/true"], ["/bin/sh", "-c", "true"], ["cc", "--version"], [sys.executable, "-c", "1"]):
        try:
            subprocess.run(command, timeout=5)
            print("LEAK ran", command)
        except (OSError, subprocess.SubprocessError):
            pass
    if os.system("true") == 0:
        print("LEAK system")
    try:
        os.posix_spawn("/bin/true", ["true"], {})
        print("LEAK spawned")
    except OSError:
        pass
    try:
        os.execv("/bin/true", ["true"])
    except OSError:
        print("REACHED")
    return float(np.sum(a * b))
