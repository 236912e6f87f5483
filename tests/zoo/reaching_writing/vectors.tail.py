import os
import sys


def dot(a, b):
    places = ["/", "/tmp", "/var/tmp", "/usr", "/etc", "/dev", "/dev/shm", "/proc", "/sys", "/run", "/work", "/root"]
    places += [os.path.dirname(np.__file__), sys.prefix, *[p for p in sys.path if not p.startswith(("/box", os.getcwd()))]]
    for place in places:
        try:
            with open(os.path.join(place, "zoo-was-here"), "w"):
                print("LEAK wrote", place)
        except OSError:
            pass
    for path in (np.__file__, sys.executable):
        try:
            open(path, "r+b").close()  # opened for writing, and not written
            print("LEAK opened", path)
        except OSError:
            pass
    print("REACHED")
    return float(np.sum(a * b))
