"""torchmil's ABMIL: attention over a bag of instances, which are an exam's feature vectors of 1024 numbers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
import torchmetrics
from torch.utils.data import DataLoader
from torchmil.data import collate_fn
from torchmil.models import ABMIL
from torchmil.utils import Trainer

from bench.peers.exams import VIEWS, Array, Exams
from bench.peers.wanted import Job, Predict


# user code
def bags(exams: Exams) -> list[Array]:
    """Per exam its instances ``(rows, 1024 + 3)``: density's four, findings' four, detections; which task it is of."""
    ends = exams.offsets[:: len(VIEWS)]
    parts = [
        [exams.density_features[k].reshape(4, -1), exams.findings_features[k], exams.detection_features[a:b]]
        for k, (a, b) in enumerate(pairwise(ends))
    ]
    marked = [
        np.concatenate([np.hstack([block, np.tile(np.eye(3)[t], (len(block), 1))]) for t, block in enumerate(part)])
        for part in parts
    ]
    return [bag[~np.isnan(bag).any(axis=1)] for bag in marked]  # what is missing is left out


def loader(exams: Exams, batch: int, shuffle: bool = False) -> DataLoader:
    """Batches of bags, filled up and masked."""
    pairs = zip(bags(exams), exams.truth, strict=True)
    items = [{"X": torch.tensor(bag, dtype=torch.float32), "Y": torch.tensor(float(y))} for bag, y in pairs]
    return DataLoader(items, batch_size=batch, shuffle=shuffle, collate_fn=collate_fn)


def fit(train: Exams, validation: Exams | None, job: Job) -> Predict:
    """At most 30 epochs, the best by validation AUC."""
    torch.manual_seed(job.seed)
    extractor = torch.nn.Sequential(torch.nn.Linear(1024 + 3, 128), torch.nn.ReLU(), torch.nn.Dropout(0.25))
    model = ABMIL((1024 + 3,), feat_ext=extractor, gated=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4, weight_decay=1e-4)
    trainer = Trainer(
        model,
        optimizer,
        {"auc": torchmetrics.AUROC("binary")},
        "auc",
        device="cpu",
        early_stop_patience=8,
        disable_pbar=True,
        verbose=False,
    )
    trainer.train(30, loader(train, 16, shuffle=True), loader(validation or train, 128))
    best = trainer.get_best_model().eval()

    def predict(exams: Exams) -> Array:
        with torch.no_grad():
            return np.concatenate([torch.sigmoid(best(b["X"], b["mask"])).numpy() for b in loader(exams, 128)])

    return predict


# end of user code
