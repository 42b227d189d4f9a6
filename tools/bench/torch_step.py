#!/usr/bin/env python3
"""The rival: the same model and training step in PyTorch, for `hrm bench step` and `hrm bench solve` to be run beside.

Times a training step and one segment of a single puzzle of the 27M-parameter Sudoku model (9x9 Sudoku with a puzzle
position: 82 tokens, width 512, 4 + 4 layers, 2 x 2 cycles): one-step gradient, stablemax cross-entropy, the
bootstrapped Q target with its second pass, Adam-atan2. Written for this purpose; works with PyTorch 1.13 and later, on
a processor or a GPU. Nothing of hrm needs it.

    python3 torch_step.py --batch 8                                        # processor, f32
    python3 torch_step.py --batch 768 --device cuda --dtype bf16 --compile # NVIDIA
"""
import argparse
import json
import math
import statistics
import time

import torch
import torch.nn.functional as F

WIDTH, HEADS, LAYERS, CYCLES, VOCAB, CELLS = 512, 8, 4, 2, 11, 81
HEAD, TOKENS, GATED = WIDTH // HEADS, CELLS + 1, 1536


def rms_norm(x):
    return x * torch.rsqrt(x.float().square().mean(-1, keepdim=True) + 1e-5).to(x.dtype)


class Block(torch.nn.Module):
    """Post-norm attention and SwiGLU; weights f32, products in `dtype`."""

    def __init__(self, dtype):
        super().__init__()
        self.dtype = dtype
        self.qkv, self.o = self.weight(3 * WIDTH, WIDTH), self.weight(WIDTH, WIDTH)
        self.gate_up, self.down = self.weight(2 * GATED, WIDTH), self.weight(WIDTH, GATED)

    @staticmethod
    def weight(rows, cols):
        return torch.nn.Parameter(torch.nn.init.trunc_normal_(torch.empty(rows, cols), std=cols ** -0.5))

    def attention(self, x, cos, sin):
        def turn(v):
            return v * cos + torch.cat((-v[..., HEAD // 2:], v[..., :HEAD // 2]), -1) * sin

        q, k, v = F.linear(x, self.qkv.to(self.dtype)).view(-1, TOKENS, 3, HEADS, HEAD).unbind(2)
        q, k, v = turn(q).transpose(1, 2), turn(k).transpose(1, 2), v.transpose(1, 2)
        if hasattr(F, "scaled_dot_product_attention"):
            y = F.scaled_dot_product_attention(q, k, v)
        else:
            y = torch.softmax(q @ k.transpose(-1, -2) * HEAD ** -0.5, -1) @ v
        return F.linear(y.transpose(1, 2).reshape(-1, TOKENS, WIDTH), self.o.to(self.dtype))

    def forward(self, x, cos, sin):
        x = rms_norm(x + self.attention(x, cos, sin))
        gate, up = F.linear(x, self.gate_up.to(self.dtype)).chunk(2, -1)
        return rms_norm(x + F.linear(F.silu(gate) * up, self.down.to(self.dtype)))


class Model(torch.nn.Module):
    def __init__(self, dtype):
        super().__init__()
        self.dtype = dtype
        self.slow = torch.nn.ModuleList(Block(dtype) for _ in range(LAYERS))
        self.fast = torch.nn.ModuleList(Block(dtype) for _ in range(LAYERS))
        self.embed = torch.nn.Parameter(torch.randn(VOCAB, WIDTH) * WIDTH ** -0.5)
        self.head = torch.nn.Parameter(torch.randn(VOCAB, WIDTH) * WIDTH ** -0.5)
        self.q_weight = torch.nn.Parameter(torch.zeros(2, WIDTH))
        self.q_bias = torch.nn.Parameter(torch.full((2,), -5.0))
        angles = torch.outer(torch.arange(TOKENS), 10000.0 ** -(torch.arange(0, HEAD, 2) / HEAD)).repeat(1, 2)
        self.register_buffer("cos", angles.cos()[None, :, None].to(dtype))
        self.register_buffer("sin", angles.sin()[None, :, None].to(dtype))

    def module(self, blocks, z, added):
        z = z + added
        for block in blocks:
            z = block(z, self.cos, self.sin)
        return z

    def forward(self, tokens, z_h, z_l):
        first = torch.zeros(tokens.shape[0], 1, WIDTH, dtype=self.dtype, device=tokens.device)
        e = math.sqrt(WIDTH) * torch.cat((first, self.embed.to(self.dtype)[tokens]), 1)
        with torch.no_grad():
            for call in range(CYCLES * CYCLES - 1):
                z_l = self.module(self.fast, z_l, z_h + e)
                if (call + 1) % CYCLES == 0:
                    z_h = self.module(self.slow, z_h, z_l)
        z_l = self.module(self.fast, z_l, z_h + e)
        z_h = self.module(self.slow, z_h, z_l)
        logits = F.linear(z_h, self.head.to(self.dtype))[:, 1:].float()
        return z_h, z_l, logits, F.linear(z_h[:, 0].float(), self.q_weight, self.q_bias)


class Trainer:
    def __init__(self, model, batch, device):
        self.model, self.steps = model, 0
        self.tokens = torch.randint(1, VOCAB, (batch, CELLS), device=device)
        self.labels = torch.randint(1, VOCAB, (batch, CELLS), device=device)
        self.carry = [torch.randn(batch, TOKENS, WIDTH, device=device, dtype=model.dtype) for _ in range(2)]
        self.moments = {p: (torch.zeros_like(p), torch.zeros_like(p)) for p in model.parameters()}

    def step(self):
        z_h, z_l, logits, q = self.model(self.tokens, *self.carry)
        with torch.no_grad():
            target = torch.sigmoid(self.model(self.tokens, z_h, z_l)[3].amax(-1))
        s = torch.where(logits < 0, 1 / (1 - logits.clamp(max=0)), logits + 1)
        chosen = s.gather(-1, self.labels[..., None])[..., 0]
        right = (logits.argmax(-1) == self.labels).all(-1).float()
        loss = -torch.log(chosen / s.sum(-1)).sum() / CELLS
        for value, wanted in ((q[:, 0], right), (q[:, 1], target)):
            loss = loss + 0.5 * F.binary_cross_entropy_with_logits(value, wanted, reduction="sum")
        (loss / len(self.tokens)).backward()
        self.carry = [z_h.detach(), z_l.detach()]
        self.update(1e-4, 0.9, 0.95, 1.0)

    @torch.no_grad()
    def update(self, lr, beta1, beta2, decay):
        """Adam-atan2 as the reference has it: the first moment is corrected outside of the atan2."""
        self.steps += 1
        for p, (m, v) in self.moments.items():
            m.lerp_(p.grad, 1 - beta1)
            v.mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
            p.mul_(1 - lr * decay)
            p.sub_(torch.atan2(m, v.sqrt() / math.sqrt(1 - beta2 ** self.steps)), alpha=lr / (1 - beta1 ** self.steps))
            p.grad = None


def measure(run, device, runs):
    def once():
        start = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return 1e3 * (time.perf_counter() - start)

    for _ in range(2):
        once()
    times = sorted(once() for _ in range(runs))
    return {"median_ms": statistics.median(times), "min_ms": times[0], "max_ms": times[-1], "runs": runs}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--batch", type=int, default=8, help="puzzles per training step [8]")
    parser.add_argument("--runs", type=int, default=5, help="timed steps [5]")
    parser.add_argument("--device", default="cpu", help="cpu or cuda [cpu]")
    parser.add_argument("--dtype", choices=("f32", "bf16", "f16"), default="f32", help="of activations and products")
    parser.add_argument("--threads", type=int, default=0, help="on a processor [one per core]")
    parser.add_argument("--compile", action="store_true", help="torch.compile the model")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    device = torch.device(args.device)
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[args.dtype]
    model = Model(dtype).to(device)
    trainer = Trainer(torch.compile(model) if args.compile else model, args.batch, device)
    result = {"torch": torch.__version__, "device": args.device, "dtype": args.dtype, "batch": args.batch,
              "parameters": sum(p.numel() for p in model.parameters()),
              "threads": torch.get_num_threads(), "step": measure(trainer.step, device, args.runs)}
    one = [trainer.tokens[:1]] + [z[:1] for z in trainer.carry]

    @torch.no_grad()
    def segment():
        trainer.model(*one)

    result["segment_of_one_puzzle"] = measure(segment, device, max(args.runs, 9))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
