import ctypes
import gc
import sys


def watch(frame, event, arg):
    if "test_" in frame.f_code.co_filename:
        print("LEAK", frame.f_code.co_filename)
    return watch


def audit(event, args):
    if event == "open" and "test_hidden" in str(args):
        print("LEAK", args)


sys.setprofile(watch)
sys.addaudithook(audit)
gc.callbacks.append(lambda phase, info: None)
ctypes.pythonapi.PyGC_Collect()
