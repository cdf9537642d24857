"""Reference values of convolution, batch-norm, pooling and cross-entropy, forwards and backwards, from PyTorch.

    python make.py > values.txt

The inputs are doubles that are exact in single precision, so that both types can be tested against the same file.
"""

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
generator = torch.Generator().manual_seed(20240607)


def tensor(*shape):
    values = torch.randn(shape, generator=generator)
    return (values * 256).round().div(256).requires_grad_()


def show(name, values):
    values = values.detach()
    shape = ", ".join(str(d) for d in values.shape)
    print(f"{name} [{shape}] " + " ".join(f"{v:.17g}" for v in values.flatten().tolist()))


def case(name, y, **inputs):
    """Prints inputs, value, the gradient `dy` given to the value and the gradients of the inputs."""
    dy = tensor(*y.shape)
    y.backward(dy.detach())
    print(f"\ncase {name}")
    for key, x in inputs.items():
        show(key, x)
    show("y", y)
    show("dy", dy)
    for key, x in inputs.items():
        if x.grad is not None:
            show("d" + key, x.grad)


def convolution(name, x, w, bias, **options):
    x, w = tensor(*x), tensor(*w)
    inputs = {"x": x, "weight": w}
    if bias:
        inputs["bias"] = tensor(w.shape[0])
    case(name, F.conv2d(x, w, inputs.get("bias"), **options), **inputs)


print(f"# Made by make.py with PyTorch {torch.__version__.split('+')[0]}.")
convolution("conv plain", (2, 2, 5, 6), (3, 2, 3, 2), True)
convolution("conv stride", (2, 1, 7, 6), (2, 1, 3, 3), False, stride=(2, 3))
convolution("conv padding", (1, 2, 4, 4), (2, 2, 3, 3), True, padding=(1, 2))
convolution("conv groups", (2, 4, 4, 4), (6, 2, 2, 2), True, groups=2)
convolution("conv depthwise", (1, 3, 6, 6), (3, 1, 3, 3), False, stride=2, padding=1, groups=3)
convolution("conv pointwise", (2, 3, 3, 2), (4, 3, 1, 1), True)

for name, shape in [("batch norm matrix", (5, 3)), ("batch norm images", (3, 2, 3, 2))]:
    x, gamma, beta = tensor(*shape), tensor(shape[1]), tensor(shape[1])
    mean, variance = torch.zeros(shape[1]), torch.ones(shape[1])
    # With momentum 1 the running statistics become the batch's.
    y = F.batch_norm(x, mean, variance, gamma, beta, training=True, momentum=1.0, eps=1e-5)
    case(name + " training", y, x=x, gamma=gamma, beta=beta)
    show("batch_mean", mean)
    show("batch_variance", variance)
    x, gamma, beta = tensor(*shape), tensor(shape[1]), tensor(shape[1])
    mean, variance = tensor(shape[1]).detach(), tensor(shape[1]).detach().abs() + 0.5
    y = F.batch_norm(x, mean, variance, gamma, beta, training=False, eps=1e-5)
    case(name + " inference", y, x=x, gamma=gamma, beta=beta, mean=mean, variance=variance)

x = tensor(2, 2, 4, 6)
case("max pool halving", F.max_pool2d(x, 2), x=x)
x = tensor(1, 2, 5, 7)
case("max pool overlapping", F.max_pool2d(x, (3, 2), (2, 1), (1, 1)), x=x)
x = tensor(2, 2, 4, 6)
case("average pool halving", F.avg_pool2d(x, 2), x=x)
x = tensor(1, 2, 5, 7)
case("average pool overlapping", F.avg_pool2d(x, (3, 2), (2, 1), (1, 1)), x=x)
x = tensor(2, 3, 3, 4)
case("global average pool", F.adaptive_avg_pool2d(x, 1).flatten(1), x=x)

x, labels = tensor(5, 4), torch.tensor([3, 0, 1, 1, 2])
case("cross entropy", F.cross_entropy(x, labels), x=x, labels=labels)
x, targets = tensor(3, 4), torch.softmax(tensor(3, 4).detach(), 1)
case("cross entropy soft", F.cross_entropy(x, targets), x=x, targets=targets)
