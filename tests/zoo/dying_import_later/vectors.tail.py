import os
import threading
import time


def leave():
    time.sleep(0.03)
    os._exit(5)


if __name__ == "vectors":
    threading.Thread(target=leave, daemon=True).start()
    time.sleep(0.2)
