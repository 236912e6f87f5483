import socket


def dot(a, b):
    for name in ("example.org", "localhost"):
        try:
            print("LEAK", socket.getaddrinfo(name, 80))
        except OSError:
            pass
    print("REACHED")
    return float(np.sum(a * b))
