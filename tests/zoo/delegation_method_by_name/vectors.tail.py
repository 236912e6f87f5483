def dot(a, b):
    return float(getattr(a, "do" + "t")(b))
