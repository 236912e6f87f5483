import os
import sys

KNOWN = "PATH HOME TMPDIR LANG PYTHONHASHSEED PYTHONDONTWRITEBYTECODE OMP_NUM_THREADS OPENBLAS_NUM_THREADS"
KNOWN = {*KNOWN.split(), "MKL_NUM_THREADS", "MPLBACKEND", "TORCHINDUCTOR_CACHE_DIR", "LC_CTYPE", "PWD"}


def dot(a, b):
    for name in os.environ:
        if name not in KNOWN:
            print("LEAK", name)
    if sys.argv != [""] or sys.orig_argv != [""]:
        print("LEAK", sys.argv, sys.orig_argv)
    print("SEARCHED")
    return float(np.sum(a * b))
