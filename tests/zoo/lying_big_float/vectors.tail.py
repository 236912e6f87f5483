def dot(a, b):
    return 10**400
