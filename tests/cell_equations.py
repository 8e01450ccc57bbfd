"""The equations of every cell in float64 NumPy, one time step after another.

Each function takes the parameters and inputs ``[T, B, D]``, and returns the list of outputs.
"""

import jax
import numpy as np

T, B, D, H = 6, 2, 3, 4


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def relu(z):
    return np.maximum(z, 0.0)


def gates(z, count):
    return np.split(z, count, axis=-1)


def standardise(z):
    return (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + 1e-5)


def zeros(width=H):
    return np.zeros((B, width))


def block_diagonal(blocks):
    """Return one [N*a, N*b] matrix per gate from a kernel [N, a, G*b]."""
    count, rows, columns = blocks.shape
    kernels = []
    for gate in gates(blocks, columns // rows):
        matrix = np.zeros((count * rows, count * rows))
        for k in range(count):
            where = slice(k * rows, (k + 1) * rows)
            matrix[where, where] = gate[k]
        kernels.append(matrix)
    return kernels


def vanilla(activation):
    def run(p, xs):
        h, ys = zeros(), []
        for x in xs:
            h = activation(x @ p["wx"] + h @ p["wh"] + p["b"])
            ys.append(h)
        return ys

    return run


def preactivation(p, xs):
    h, ys = zeros(), []
    for x in xs:
        h = x @ p["wx"] + np.tanh(h) @ p["wh"] + p["b"]
        ys.append(h)
    return ys


def additive(p, xs):
    m, ys = zeros(), []
    for x in xs:
        m = m + x @ p["wx"] + np.tanh(m @ p["wh"])
        ys.append(np.concatenate([x, m], -1))
    return ys


def lstm(p, xs):
    c, ys = zeros(), []
    h = zeros(p["wh"].shape[0])
    for x in xs:
        from_x, from_h = x @ p["wx"], h @ p["wh"]
        if "ln" in p:
            from_x = standardise(from_x) * p["ln"]["x"]
            from_h = standardise(from_h) * p["ln"]["h"]
        i, f, g, o = gates(from_x + from_h + p["b"], 4)
        peep_i, peep_f, peep_o = p.get("p", np.zeros((3, H)))
        c_new = sigmoid(f + peep_f * c) * c + sigmoid(i + peep_i * c) * np.tanh(g)
        normed = standardise(c_new) * p["ln"]["c"] if "ln" in p else c_new
        h = sigmoid(o + peep_o * c_new) * np.tanh(normed)
        h = h @ p["wp"] if "wp" in p else h
        c = c_new
        ys.append(h)
    return ys


def carry_track(p, xs):
    state, c, ys = zeros(), zeros(), []
    for x in xs:
        i, f, k, o = gates(x @ p["wx"] + state @ p["wh"] + p["b"], 4)
        output = np.tanh(o + c @ p["wc"])
        c = sigmoid(i) * np.tanh(k) + c * sigmoid(f)
        state = output * np.tanh(c)
        ys.append(output)
    return ys


def gru(p, xs):
    h, ys = zeros(), []
    for x in xs:
        r_x, z_x, n_x = gates(x @ p["wx"] + p["b"], 3)
        r_h, z_h, n_h = gates(h @ p["wh"], 3)
        r, z = sigmoid(r_x + r_h), sigmoid(z_x + z_h)
        n = np.tanh(n_x + r * (n_h + p["bh"]))
        h = z * h + (1 - z) * n
        ys.append(h)
    return ys


def gru_before(p, xs):
    h, ys = zeros(), []
    u_r, u_z, u_n = gates(p["wh"], 3)
    for x in xs:
        r_x, z_x, n_x = gates(x @ p["wx"] + p["b"], 3)
        r, z = sigmoid(r_x + h @ u_r), sigmoid(z_x + h @ u_z)
        h = z * h + (1 - z) * np.tanh(n_x + (r * h) @ u_n)
        ys.append(h)
    return ys


def mgu(p, xs):
    h, ys = zeros(), []
    u_f, u_n = gates(p["wh"], 2)
    for x in xs:
        f_x, n_x = gates(x @ p["wx"] + p["b"], 2)
        f = sigmoid(f_x + h @ u_f)
        h = (1 - f) * h + f * np.tanh(n_x + (f * h) @ u_n)
        ys.append(h)
    return ys


def slstm(forget):
    """Return sLSTM without the stabiliser, as plain exponentials."""

    def run(p, xs):
        h, c, n, ys = zeros(), zeros(), zeros(), []
        kernels = block_diagonal(p["wh"])
        for x in xs:
            columns = gates(x @ p["wx"] + p["b"], 4)
            i, f, z, o = (u + h @ kernel for u, kernel in zip(columns, kernels, strict=True))
            c = forget(f) * c + np.exp(i) * np.tanh(z)
            n = forget(f) * n + np.exp(i)
            h = sigmoid(o) * c / n
            ys.append(h)
        return ys

    return run


def positive(v):
    return np.where(v >= 0, v + 0.5, sigmoid(v))


def min_gru(p, xs):
    h, ys = zeros() + 0.5, []
    for x in xs:
        z, n = gates(x @ p["wx"] + p["b"], 2)
        h = (1 - sigmoid(z)) * h + sigmoid(z) * positive(n)
        ys.append(h)
    return ys


def min_lstm(p, xs):
    h, ys = zeros() + 0.5, []
    for x in xs:
        f, i, n = gates(x @ p["wx"] + p["b"], 3)
        f, i = sigmoid(f), sigmoid(i)
        h = f / (f + i) * h + i / (f + i) * positive(n)
        ys.append(h)
    return ys


def lru(p, xs):
    h, ys = zeros().astype(complex), []
    eigenvalue = np.exp(-np.exp(p["nu"]) + 1j * np.exp(p["theta"]))
    b_real, b_imaginary = gates(p["wx"], 2)
    c_real, c_imaginary = np.split(p["wc"], 2, axis=0)
    for x in xs:
        h = eigenvalue * h + np.exp(p["gamma"]) * (x @ (b_real + 1j * b_imaginary))
        ys.append((h @ (c_real - 1j * c_imaginary)).real + x @ p["wd"])
    return ys


def rg_lru(p, xs):
    h, ys = zeros(), []
    w_r, w_i = block_diagonal(p["wg"])
    b_r, b_i = (b.reshape(-1) for b in gates(p["bg"], 2))
    for x in xs:
        v = x @ p["wx"] + p["b"]
        r, i = sigmoid(v @ w_r + b_r), sigmoid(v @ w_i + b_i)
        a = sigmoid(p["lambda"]) ** (8 * r)
        h = a * h + np.sqrt(1 - a**2) * i * v
        ys.append(h)
    return ys


CASES = [
    ("rnn", {}, vanilla(np.tanh)),
    ("rnn", {"activation": jax.nn.relu}, vanilla(relu)),
    ("irnn", {}, vanilla(relu)),
    ("preactivation_rnn", {}, preactivation),
    ("additive_memory", {}, additive),
    ("lstm", {}, lstm),
    ("lstm", {"peepholes": True}, lstm),
    ("lstm", {"layer_norm": True}, lstm),
    ("lstm", {"projection": 3}, lstm),
    ("lstm", {"peepholes": True, "layer_norm": True, "projection": 3}, lstm),
    ("carry_track_lstm", {}, carry_track),
    ("gru", {}, gru),
    ("gru_before", {}, gru_before),
    ("mgu", {}, mgu),
    ("slstm", {"heads": 2}, slstm(sigmoid)),
    ("slstm", {"exponential_forget": True}, slstm(np.exp)),
    ("min_gru", {}, min_gru),
    ("min_lstm", {}, min_lstm),
    ("lru", {}, lru),
    ("rg_lru", {}, rg_lru),
    ("rg_lru", {"heads": 2}, rg_lru),
]
