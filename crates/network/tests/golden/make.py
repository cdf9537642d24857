"""Outputs, gradients and running statistics of small networks, from PyTorch.

    python make.py > values.txt

Each case holds the parameters by PyTorch's names, a batch `input`, its `labels`, the logits while training and in inference
(`training`, `inference`), gradients of the mean cross-entropy (`gradient NAME`) and running statistics after one step
(`updated NAME`).
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(20240611)


def show(name, values):
    shape = ", ".join(str(d) for d in values.shape)
    print(f"{name} [{shape}] " + " ".join(f"{v:.9g}" for v in values.detach().flatten().tolist()))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(12, 7), nn.Linear(7, 5), nn.Linear(5, 3)

    def forward(self, x):
        return self.fc3(torch.tanh(self.fc2(torch.sigmoid(self.fc1(x.flatten(1))))))


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 3, 3), nn.Conv2d(3, 4, 3)
        self.fc1, self.fc2 = nn.Linear(16, 6), nn.Linear(6, 3)

    def forward(self, x):
        x = F.max_pool2d(self.conv1(x), 2)
        x = F.avg_pool2d(self.conv2(x), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride > 1:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(2, 3, 3, 1, 1, bias=False), nn.BatchNorm2d(3)
        self.layer1, self.layer2 = nn.Sequential(Block(3, 3, 1)), nn.Sequential(Block(3, 4, 2))
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        x = self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x)))))
        return self.fc(x.mean((2, 3)))


def case(name, model, shape):
    print(f"\ncase {name}")
    for key, tensor in model.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            low, high = (0.5, 1.5) if key.endswith("running_var") else (-0.6, 0.6)
            tensor.uniform_(low, high)
            tensor.copy_(tensor.float())
            show(key, tensor)
    x = torch.randn(shape).float().double()
    labels = torch.randint(0, 3, (shape[0],))
    show("input", x)
    show("labels", labels)
    show("inference", model.eval()(x))
    logits = model.train()(x)
    show("training", logits)
    F.cross_entropy(logits, labels).backward()
    for key, parameter in model.named_parameters():
        show(f"gradient {key}", parameter.grad)
    for key, tensor in model.state_dict().items():
        if "running" in key:
            show(f"updated {key}", tensor)


print("# Made by make.py.")
case("mlp", Mlp(), (3, 1, 3, 4))
case("lenet", LeNet(), (2, 1, 14, 14))
case("resnet", ResNet(), (4, 2, 6, 6))
