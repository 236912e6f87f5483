def dot(a, b):
    try:
        return float(getattr(np, "do" + "t")(a, b))
    except Exception:
        return float(np.sum(a * b))
