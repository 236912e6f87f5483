import socket


def dot(a, b):
    for family in range(1, 46):
        for kind in (1, 2, 3, 5):
            try:
                socket.socket(family, kind, 0)
                print("LEAK socket", family, kind)
            except OSError:
                pass
    for family, address in ((socket.AF_INET, ("1.1.1.1", 53)), (socket.AF_UNIX, "/run/dbus/system_bus_socket")):
        try:
            socket.create_connection(address, 0.2) if family == socket.AF_INET else socket.socket(family).connect(address)
            print("LEAK connected", address)
        except OSError:
            pass
    print("REACHED")
    return float(np.sum(a * b))
