import atexit
import threading
import time


class Clinging:
    def __del__(self):
        time.sleep(300)


_kept = Clinging()
atexit.register(time.sleep, 300)
threading.Thread(target=time.sleep, args=(300,)).start()
