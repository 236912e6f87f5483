def dot(a, b):
<<<<<<< HEAD
    return 0
=======
    return 1
>>>>>>> mine
