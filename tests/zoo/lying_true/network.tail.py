def count_parameters(sizes):
    return True
