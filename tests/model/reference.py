"""The papers' equations, node by node in plain Python and NumPy: what the layers are checked against.

Written from Kipf & Welling 2017 (arXiv:1609.02907, eq. 2) and Veličković et al. 2018 (arXiv:1710.10903,
eq. 1-5), and from nothing in the package.
"""

from __future__ import annotations

import math

import numpy as np


def graph_convolution(h, a, w, b):
    n = len(h)
    out = np.zeros((n, w.shape[1]))
    degree = [sum(a[i][j] for j in range(n)) for i in range(n)]
    for i in range(n):
        total = np.zeros(w.shape[1])
        for j in range(n):
            if a[i][j] > 0:
                total += a[i][j] / math.sqrt(degree[i] * degree[j]) * (h[j] @ w)
        out[i] = np.maximum(total + b, 0)
    return out


def graph_attention(h, a, w, source, target):
    n, (heads, channels) = len(h), source.shape
    out = np.zeros((n, heads * channels))
    for k in range(heads):
        part = slice(k * channels, (k + 1) * channels)
        z = [h[i] @ w[:, part] for i in range(n)]
        for i in range(n):
            neighbours = [j for j in range(n) if a[i][j] > 0]
            if not neighbours:
                continue
            e = [float(target[k] @ z[i] + source[k] @ z[j]) for j in neighbours]
            e = [x if x > 0 else 0.2 * x for x in e]
            top = max(e)
            weights = [math.exp(x - top) for x in e]
            total = sum(weights)
            mixed = sum(x / total * z[j] for x, j in zip(weights, neighbours, strict=True))
            out[i, part] = [x if x > 0 else math.exp(x) - 1 for x in mixed]
    return out
