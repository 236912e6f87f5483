class Endless:
    def __len__(self):
        return 2**62

    def __getitem__(self, index):
        return np.zeros((1, 1))


def forward(x, params):
    return Endless()
