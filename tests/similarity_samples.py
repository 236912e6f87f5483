"""Three ways to do assignment 01, each written by itself, and ways to hide that one was copied."""

from __future__ import annotations

import ast
import builtins
import random
from collections.abc import Mapping
from pathlib import Path

from autograder.course import Assignment

AGATE = {
    "dot": """
    total = 0.0
    position = 0
    while position < len(a):
        total = total + float(a[position]) * float(b[position])
        position += 1
    return total
""",
    "cosine_similarity": """
    squares_a = sum(float(v) ** 2 for v in a)
    squares_b = sum(float(v) ** 2 for v in b)
    if squares_a == 0.0 or squares_b == 0.0:
        return 0.0
    return dot(a, b) / (squares_a**0.5 * squares_b**0.5)
""",
    "euclidean_distance": """
    gaps = [float(x) - float(y) for x, y in zip(a, b)]
    return sum(gap * gap for gap in gaps) ** 0.5
""",
    "one_hot": """
    table = []
    for token in token_ids:
        row = [0.0] * V
        row[int(token)] = 1.0
        table.append(row)
    return np.array(table).reshape(len(token_ids), V)
""",
    "embed": """
    picked = [E[int(token)] for token in token_ids]
    if len(picked) == 0:
        return np.empty((0, E.shape[1]))
    return np.vstack(picked)
""",
    "analogy": """
    place = {}
    for number, word in enumerate(words):
        place[word] = number
    goal = E[place[c]] + (E[place[b]] - E[place[a]])
    winner = ""
    record = -2.0
    for word in words:
        if word == a or word == b or word == c:
            continue
        closeness = cosine_similarity(goal, E[place[word]])
        if closeness > record:
            record = closeness
            winner = word
    return winner
""",
    "sigmoid": """
    result = np.zeros(np.shape(z))
    for where in np.ndindex(*np.shape(z)):
        number = float(z[where])
        if number < 0:
            small = np.exp(number)
            result[where] = small / (small + 1.0)
        else:
            result[where] = 1.0 / (np.exp(-number) + 1.0)
    return result
""",
    "relu": """
    kept = np.array(z, copy=True)
    kept[kept < 0] = 0
    return kept
""",
    "layer": """
    rows = []
    for example in x:
        weighted = [sum(weights * example) for weights in W]
        rows.append(np.array(weighted) + b)
    return activation(np.array(rows))
""",
    "forward": """
    history = []
    history.append(x)
    current = x
    for pair in params:
        weights, bias = pair[0], pair[1]
        current = layer(current, weights, bias, sigmoid)
        history.append(current)
    return history
""",
    "cost": """
    losses = []
    for output, target in zip(outputs, targets):
        error = output - target
        losses.append(float((error * error).sum()))
    return sum(losses) / len(losses)
""",
    "accuracy": """
    hits = [int(np.argmax(row)) == int(label) for row, label in zip(outputs, labels)]
    return hits.count(True) / len(hits)
""",
    "count_parameters": """
    weights = 0
    biases = 0
    for before, after in zip(sizes[:-1], sizes[1:]):
        weights += before * after
        biases += after
    return weights + biases
""",
    "gradient_descent": """
    position = np.array([float(value) for value in x0])
    walked = position[None, :]
    taken = 0
    while taken < steps:
        position = position - grad(position) * lr
        walked = np.concatenate([walked, position[None, :]])
        taken += 1
    return walked
""",
}
BERYL = {
    "dot": """
    products = np.multiply(a, b)
    return float(products.sum()) if products.size else 0.0
""",
    "cosine_similarity": """
    norm = lambda vector: np.sqrt(dot(vector, vector))
    try:
        with np.errstate(all="raise"):
            return float(dot(a, b) / norm(a) / norm(b))
    except FloatingPointError:
        return 0.0
""",
    "euclidean_distance": """
    return float(np.hypot.reduce(np.subtract(a, b), initial=0.0))
""",
    "one_hot": """
    identity = np.identity(V)
    index = np.fromiter(token_ids, dtype=int)
    return identity.take(index, axis=0)
""",
    "embed": """
    width = E.shape[-1]
    return np.concatenate([E[:0], *[E[k].reshape(1, width) for k in token_ids]], axis=0)
""",
    "analogy": """
    at = list(words).index
    wanted = E[at(c)] - E[at(a)] + E[at(b)]
    similarity = np.array([cosine_similarity(vector, wanted) for vector in E])
    similarity[[at(a), at(b), at(c)]] = float("-inf")
    return words[similarity.argmax()]
""",
    "sigmoid": """
    shrunk = np.exp(np.minimum(z, -z))
    return np.where(z < 0, shrunk, np.ones_like(shrunk)) / (shrunk + 1)
""",
    "relu": """
    return np.clip(z, 0, None)
""",
    "layer": """
    return activation(np.add(np.matmul(x, np.transpose(W)), b))
""",
    "forward": """
    from functools import reduce
    step = lambda seen, wb: seen + [layer(seen[-1], *wb, sigmoid)]
    return reduce(step, params, [x])
""",
    "cost": """
    return float(np.square(np.linalg.norm(outputs - targets, axis=-1)).mean())
""",
    "accuracy": """
    return float((np.argsort(-outputs, axis=1, kind="stable")[:, 0] == labels).mean())
""",
    "count_parameters": """
    if len(sizes) < 2:
        return 0
    return sizes[1] * (sizes[0] + 1) + count_parameters(sizes[1:])
""",
    "gradient_descent": """
    if steps == 0:
        return np.asarray(x0, dtype=float).reshape(1, -1)
    path = gradient_descent(grad, x0, lr, steps - 1)
    return np.vstack((path, path[-1] - lr * grad(path[-1])))
""",
}
CITRINE = {
    "dot": """
    return sum(map(lambda pair: pair[0] * pair[1], zip(a, b)), 0.0) + 0.0
""",
    "cosine_similarity": """
    bottom = dot(a, a) * dot(b, b)
    return dot(a, b) / bottom**0.5 if bottom > 0 else 0.0
""",
    "euclidean_distance": """
    return math.dist(a.tolist(), b.tolist())
""",
    "one_hot": """
    hot = np.zeros(len(token_ids) * V)
    for index, token in enumerate(token_ids):
        hot[index * V + token] = 1
    return hot.reshape((-1, V)) if V else hot.reshape((len(token_ids), 0))
""",
    "embed": """
    found = np.zeros((len(token_ids), E.shape[1]), dtype=E.dtype)
    found[:] = [E[t] for t in token_ids] or 0
    return found
""",
    "analogy": """
    known = {w: E[i] for i, w in enumerate(words)}
    sought = known[b] + known[c] - known[a]
    allowed = filter(lambda w: w not in {a, b, c}, words)
    return max(allowed, key=lambda w: (cosine_similarity(sought, known[w]), -words.index(w)))
""",
    "sigmoid": """
    flat = [1 / (1 + math.exp(-v)) if v > -700 else 0.0 for v in np.ravel(z)]
    return np.array(flat).reshape(np.shape(z))
""",
    "relu": """
    return np.vectorize(lambda v: v if v > 0 else 0.0, otypes=[float])(z)
""",
    "layer": """
    return activation(np.tensordot(x, W, axes=(1, 1)) + b[np.newaxis])
""",
    "forward": """
    out = [x] + [None] * len(params)
    for i, (W, b) in enumerate(params, start=1):
        out[i] = layer(out[i - 1], W, b, sigmoid)
    return out
""",
    "cost": """
    B = len(outputs)
    delta = np.ravel(outputs) - np.ravel(targets)
    return dot(delta, delta) / B
""",
    "accuracy": """
    correct = np.count_nonzero(np.equal(outputs.argmax(axis=-1), np.asarray(labels)))
    return correct / outputs.shape[0]
""",
    "count_parameters": """
    return int(np.dot(sizes[:-1], sizes[1:]) + np.sum(sizes[1:]))
""",
    "gradient_descent": """
    here = 1.0 * np.asarray(x0)
    yielded = [here]
    yielded.extend(here := here - lr * np.asarray(grad(here)) for _ in range(steps))
    return np.stack(yielded)
""",
}


def written(assignment: Assignment, bodies: Mapping[str, str]) -> dict[str, str]:
    """Put bodies into the stubs of an assignment."""
    files = {}
    for name in assignment.files:
        text = (assignment.folder / name).read_text("utf-8")
        lines = text.split("\n")
        for node in reversed(ast.parse(text).body):
            if isinstance(node, ast.FunctionDef) and node.name in bodies:
                last = node.body[-1]
                lines[last.lineno - 1 : last.end_lineno] = bodies[node.name].strip("\n").split("\n")
        files[name] = "\n".join(lines)
    return files


def hand_in(folder: Path, student: str, files: Mapping[str, str]) -> None:
    """Put files where a student's submission is."""
    for name, text in files.items():
        path = folder / student / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def disguised(
    files: Mapping[str, str], seed: int, *, reorder: bool = True, add: float = 0.0
) -> dict[str, str]:
    """The same work with other names, no comments, other layout; other order, needless lines."""
    chance = random.Random(seed)
    result = {}
    for name, text in files.items():
        tree = ast.parse(text)
        tree = _Renamed(tree).visit(tree)
        if add:
            tree = _Padded(chance, add).visit(tree)
        if reorder:
            definitions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
            rest = [node for node in tree.body if not isinstance(node, ast.FunctionDef)]
            tree.body = [*rest, *chance.sample(definitions, len(definitions))]
        result[name] = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    return result


class _Renamed(ast.NodeTransformer):
    """Gives every name that the course does not prescribe another."""

    def __init__(self, tree: ast.Module) -> None:
        self.kept = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        self.kept |= {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        self.names: dict[str, str] = {}

    def other(self, name: str) -> str:
        if name in self.kept or hasattr(builtins, name):
            return name
        return self.names.setdefault(name, f"thing_{len(self.names)}")

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self.other(node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.arg = self.other(node.arg)
        return self.generic_visit(node)


class _Padded(ast.NodeTransformer):
    """Puts needless statements between the others."""

    def __init__(self, chance: random.Random, share: float) -> None:
        self.chance, self.share = chance, share

    def visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, ast.FunctionDef | ast.For | ast.While | ast.If):
            node.body = [each for old in node.body for each in self.padded(old)]
        return node

    def padded(self, old: ast.stmt) -> list[ast.stmt]:
        needless = ["unused = 0", 'print("here")', "assert True", "seen = None"]
        if self.chance.random() >= self.share:
            return [old]
        return [ast.parse(self.chance.choice(needless)).body[0], old]


def many_lines(seed: int, lines: int) -> str:
    """A made-up program of so many lines, unlike that of any other seed."""
    chance = random.Random(seed)
    text = ""
    while text.count("\n") < lines:
        body = "\n".join(_block(chance, 1) for _ in range(chance.randint(2, 6)))
        text += f"\n\ndef helper_{text.count('def ')}(a, b, c=None):\n{body}\n    return a\n"
    return text


def _block(chance: random.Random, depth: int) -> str:
    indent = "    " * depth
    if depth > 3 or chance.random() < 0.6:
        return f"{indent}{chance.choice('abc')} = {_expression(chance, 0)}"
    head = chance.choice(["if {}:", "while {}:", "for a in {}:", "with {} as b:"])
    inside = "\n".join(_block(chance, depth + 1) for _ in range(chance.randint(1, 3)))
    return f"{indent}{head.format(_expression(chance, 1))}\n{inside}"


def _expression(chance: random.Random, depth: int) -> str:
    if depth > 2 or chance.random() < 0.3:
        return chance.choice(["a", "b", "c", "1.5", "len(b)", "b[0]", "a.size", "(not c)"])
    left, right = (_expression(chance, depth + 1) for _ in range(2))
    forms = ["({} + {})", "({} - {})", "{} * {}", "f({}, {})", "[{}, {}]", "b[{}, {}]"]
    forms += ["({} or {})", "g({}, key={})", "{{{}: {}}}", "({} if {} else 0)", "({} <= {})"]
    forms += ["(a.dot({}) @ {})", "-({} / {})", "[c for c in {} if {}]"]
    return chance.choice(forms).format(left, right)
