"""Muon for the weight matrices: momentum, made orthogonal by a Newton-Schulz iteration.

Formulas: K. Jordan, "Muon" (2024), with the update scale of Liu et al., "Muon is scalable for
LLM training" (2025), 0.2 · √(larger side).
"""

import torch
from torch import Tensor


@torch.no_grad()
def make_orthogonal(matrices: Tensor, steps: int = 5) -> Tensor:
    """Bring the singular values of each matrix of (n, rows, columns) near 1."""
    x = matrices.bfloat16() if matrices.is_cuda else matrices.clone()
    tall = x.size(-2) > x.size(-1)
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        square = x @ x.mT
        mixed = torch.baddbmm(square, square, square, beta=-4.7750, alpha=2.0315)
        x = torch.baddbmm(x, mixed, x, beta=3.4445)
    return (x.mT if tall else x).float()


class Muon(torch.optim.Optimizer):
    """Matrices of one shape are stacked and stepped together; `lr` is a tensor, so that a CUDA
    graph can hold the step.
    """

    def __init__(self, weights, lr: Tensor, momentum: float = 0.95, decay: float = 0.05) -> None:
        by_shape: dict[tuple[int, ...], list[Tensor]] = {}
        for weight in weights:
            by_shape.setdefault(tuple(weight.shape), []).append(weight)
        groups = [{"params": same} for same in by_shape.values()]
        super().__init__(groups, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            weights, lr = group["params"], group["lr"]
            gradient = torch.stack([weight.grad for weight in weights])
            state = self.state[weights[0]]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(gradient)
            state["momentum"].lerp_(gradient, 1 - group["momentum"])
            update = make_orthogonal(gradient.lerp(state["momentum"], group["momentum"]))
            scale = 0.2 * max(weights[0].shape) ** 0.5
            torch._foreach_mul_(weights, 1 - lr * group["decay"])
            torch._foreach_add_(weights, list((update * (lr * -scale)).unbind(0)))
