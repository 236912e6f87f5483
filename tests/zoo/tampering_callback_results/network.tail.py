class Odd:
    def __getattr__(self, name):
        return Odd()

    def __call__(self, *args):
        return Odd()

    def __add__(self, other):
        return Odd()

    __mul__ = __truediv__ = __rmul__ = __radd__ = __add__


def layer(x, W, b, activation):
    for strange in (Odd(), "text", None, [1, [2]], {"a": 1}, 10**1000, np.zeros(0), range(9), activation):
        try:
            activation(strange)
        except Exception:
            pass
    return 0.0
