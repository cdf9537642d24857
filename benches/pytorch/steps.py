"""Training steps of the zoo's networks in PyTorch, on the CPU: what `cargo xtask bench --against pytorch` compares with.

A step is forward, backward and Adam on one batch of 128. The prior is written as a user of PyTorch would write it: a mixture
of 17 Gaussians over all weights, by `logsumexp` over components, whose means, log-precisions and mixing logits learn with the
weights.

Prints one line of JSON when it is ready; then, for each line that it is sent, takes some steps of each network in turn and
prints another one: milliseconds of each step.

Arguments: `--threads N` (2), `--networks a,b` (all), `--no-prior`.
"""

import argparse
import json
import math
import sys
import time

import torch
from torch import nn
from torch.nn import functional

BATCH = 128
COMPONENTS = 17


def lenet_300_100():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10)
    )


def lenet_5_caffe():
    return nn.Sequential(
        nn.Conv2d(1, 20, 5),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(800, 500),
        nn.ReLU(),
        nn.Linear(500, 10),
    )


class Block(nn.Module):
    """A residual block of two 3x3 convolutions; the shortcut is a 1x1 convolution where the size changes."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = nn.Identity()
        if stride != 1:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        return functional.relu(self.body(x) + self.shortcut(x), inplace=True)


def resnet_20():
    layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)]
    inputs = 16
    for stage, outputs in enumerate((16, 32, 64)):
        for block in range(3):
            layers.append(Block(inputs, outputs, 2 if stage > 0 and block == 0 else 1))
            inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


NETWORKS = {
    "lenet-300-100": (lenet_300_100, (1, 28, 28), 50),
    "lenet-5-caffe": (lenet_5_caffe, (1, 28, 28), 20),
    "resnet-20": (resnet_20, (3, 32, 32), 3),
}


class Prior(nn.Module):
    """The negative log-density of all weights under a mixture whose first component stays at zero."""

    def __init__(self, scale):
        super().__init__()
        self.means = nn.Parameter(torch.linspace(-2 * scale, 2 * scale, COMPONENTS - 1))
        self.log_precisions = nn.Parameter(torch.full((COMPONENTS,), -2 * math.log(scale / 4)))
        self.logits = nn.Parameter(torch.zeros(COMPONENTS))

    def forward(self, weights):
        means = torch.cat([self.means.new_zeros(1), self.means])
        log_density = (
            functional.log_softmax(self.logits, dim=0)
            + 0.5 * (self.log_precisions - math.log(2 * math.pi))
            - 0.5 * self.log_precisions.exp() * (weights[:, None] - means) ** 2
        )
        return -torch.logsumexp(log_density, dim=1).sum()


def data(shape):
    generator = torch.Generator().manual_seed(1)
    inputs = torch.rand((BATCH, *shape), generator=generator)
    return inputs, torch.arange(BATCH) % 10


def plain(name):
    """A function that takes one step."""
    torch.manual_seed(1)
    build, shape, _ = NETWORKS[name]
    network = build()
    inputs, labels = data(shape)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)

    def step():
        optimizer.zero_grad()
        functional.cross_entropy(network(inputs), labels).backward()
        optimizer.step()

    return step


def under_prior(name, compiled):
    torch.manual_seed(1)
    build, shape, _ = NETWORKS[name]
    network = build()
    inputs, labels = data(shape)
    prior = Prior(0.05)
    optimizer = torch.optim.Adam(
        [
            {"params": network.parameters(), "lr": 1e-3},
            {"params": prior.parameters(), "lr": 1e-4},
        ]
    )

    def objective(inputs, labels):
        weights = torch.cat([p.flatten() for p in network.parameters() if p.dim() > 1])
        return functional.cross_entropy(network(inputs), labels) + 1e-6 * prior(weights)

    if compiled:
        objective = torch.compile(objective)

    def step():
        optimizer.zero_grad()
        objective(inputs, labels).backward()
        optimizer.step()

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--no-prior", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    subjects = {}
    for name in arguments.networks.split(","):
        subjects[name] = (plain(name), NETWORKS[name][2])
    if not arguments.no_prior:
        subjects["lenet-300-100 prior eager"] = (under_prior("lenet-300-100", False), 5)
        subjects["lenet-300-100 prior compiled"] = (under_prior("lenet-300-100", True), 10)
    for step, _ in subjects.values():
        for _ in range(3):
            step()
    print(json.dumps({"version": torch.__version__, "networks": list(subjects)}), flush=True)
    for _ in sys.stdin:
        times = {}
        for name, (step, count) in subjects.items():
            times[name] = []
            for _ in range(count):
                start = time.perf_counter()
                step()
                times[name].append(1e3 * (time.perf_counter() - start))
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main()
