"""Makes optimizers.json: five steps of PyTorch's optimisers on seven weights.

Usage: python optimizers.py   (needs torch; writes beside this file)
"""

import json
import pathlib

import torch

STEPS, SIZE = 5, 7

CASES = {
    "adam": (torch.optim.Adam, {"lr": 0.01}),
    "adamw": (torch.optim.AdamW, {"lr": 0.02, "betas": (0.8, 0.99), "eps": 1e-6, "weight_decay": 0.1}),
    "sgd": (torch.optim.SGD, {"lr": 0.05, "momentum": 0.9}),
    "nesterov": (torch.optim.SGD, {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01}),
}


def main():
    torch.manual_seed(1)
    start = torch.randn(SIZE)
    # Gradients of very different sizes; one weight never moves, one has a single gradient.
    gradients = torch.randn(STEPS, SIZE) * torch.tensor([1e-4, 1e-2, 1.0, 1.0, 30.0, 0.0, 1.0])
    gradients[1:, 6] = 0.0
    golden = {"torch": torch.__version__.split("+")[0], "start": start.tolist(), "gradients": gradients.tolist()}
    for name, (kind, settings) in CASES.items():
        weights = torch.nn.Parameter(start.clone())
        optimizer = kind([weights], **settings)
        after = []
        for gradient in gradients:
            weights.grad = gradient.clone()
            optimizer.step()
            after.append(weights.detach().tolist())
        golden[name] = after
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
